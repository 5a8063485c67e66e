"""What a log of a run says, on a timer that is only numbers."""

from __future__ import annotations

import io

from rich.console import Console

from bench.cell.events import Checkpoint, Phase
from bench.commands.progress import Progress
from bench.planning.plan import Cell
from bench.planning.rules import Rules
from bench.records import Record
from tests.support.plans import facts
from tests.support.records import minimal_record as record


class Timer:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_tell_cell_epoch_score_and_time_left() -> None:
    text, timer = io.StringIO(), Timer()
    done: list[Record] = []
    progress = Progress(Console(file=text, width=200), 3, done, timer)
    cell = Cell(record().cell, "t", "h", facts("with-targets"), Rules())
    progress.already_done(cell)
    progress.started(cell, "")
    for epoch in (1, 2, 3, 4):
        timer.now += 10
        progress.heard(
            Checkpoint(epoch=epoch, seconds=0, rmse=0.95, mae=1, planned=20, evaluation_s=0)
        )
    progress.heard(Phase(name="predict"))
    progress.finished(record(status="failed", reason="broke"))
    assert text.getvalue().splitlines() == [
        "[1/3] bias  d  random:80/10/10  cpu  seed 0  already recorded",
        "[2/3] bias  d  random:80/10/10  cpu  seed 0",
        "    epoch 1/20  validation RMSE 0.9500  4 min left",
        "    epoch 2/20  validation RMSE 0.9500  3 min left",
        "    epoch 4/20  validation RMSE 0.9500  3 min left",
        "[2/3] bias  d  random:80/10/10  cpu  seed 0  failed: broke  (1 more, about 40 s)",
    ]
    assert [each.status for each in done] == ["failed"]


def test_what_is_set_tells_cells_apart() -> None:
    text = io.StringIO()
    settings = {"batch_size": "256", "decay": "1.0"}
    cell = Cell(record().cell, "t", "h", facts("with-targets"), Rules(), settings=settings)
    Progress(Console(file=text, width=200), 1, []).already_done(cell)
    assert text.getvalue().startswith("[1/1] bias batch_size=256 decay=1.0  d  ")
