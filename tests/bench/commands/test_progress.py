"""Progress as plain lines and as bars, with a clock that a test sets."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from bench.cell.events import Checkpoint, Phase
from bench.commands.progress import Progress, name_of, shared
from bench.commands.terminal import console
from bench.planning.facts import Facts
from bench.planning.plan import Cell
from bench.planning.rules import Rules
from bench.records import Record
from tests.support.records import data, record

PLACE = "bias  ml-100k  random:80/10/10  cpu  seed 0"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def cell(name: str = "bias", settings: dict[str, str] | None = None, **fields: object) -> Cell:
    request = record(name, **fields).cell  # type: ignore[arg-type]
    return Cell(request, "t", "h", Facts(data(), ()), Rules(), settings=settings or {})


def checkpoint(epoch: int, seconds: float, planned: int = 20) -> Checkpoint:
    return Checkpoint(
        epoch=epoch, seconds=seconds, rmse=0.95, mae=1, planned=planned, evaluation_s=0
    )


def test_plain_lines_report_cell_epoch_score_and_time_left() -> None:
    text, clock = io.StringIO(), Clock()
    done: list[Record] = []
    with Progress(console(text), 3, done, clock) as progress:
        progress.already_done(cell())
        progress.started(cell(), "")
        for epoch in (1, 2, 3, 4, 20):
            clock.now += 10
            progress.on_event(checkpoint(epoch, 9.0 * epoch))
        progress.on_event(Phase(name="predict"))
        progress.finished(record(status="failed", reason="broke"))
    assert text.getvalue().splitlines() == [
        f"[2/3] {PLACE}",
        "    epoch 1/20  validation RMSE 0.9500  3 min left",
        "    epoch 2/20  validation RMSE 0.9500  3 min left",
        "    epoch 4/20  validation RMSE 0.9500  3 min left",
        "    epoch 20/20  validation RMSE 0.9500",
        f"[2/3] {PLACE}  failed: broke  (1 more, about 50 s)",
        "1 of 3 were already recorded",
    ]
    assert [each.status for each in done] == ["failed"]


def test_a_fit_that_reads_the_test_part_shows_the_rmse_as_of_that() -> None:
    text = io.StringIO()
    with Progress(console(text), 1, [], Clock()) as progress:
        progress.started(cell(split="peek:random:90/10"), "")
        progress.on_event(checkpoint(20, 9.0))
    assert text.getvalue().splitlines()[-1] == "    epoch 20/20  test RMSE 0.9500"


def test_cells_that_were_known_to_be_recorded_are_neither_listed_nor_waited_for() -> None:
    text, clock = io.StringIO(), Clock()
    with Progress(console(text), 100, [], clock, recorded=98) as progress:
        for _ in range(49):
            progress.already_done(cell())
        progress.started(cell(), "its source changed")
        clock.now += 10
        progress.finished(record(rmse=0.9123, fit_s=1.5))
        for _ in range(49):
            progress.already_done(cell())
    assert text.getvalue().splitlines() == [
        f"[50/100] {PLACE}  runs again: its source changed",
        f"[50/100] {PLACE}  RMSE 0.9123  fit 1.5 s  (1 more, about 10 s)",
    ]


def test_where_repeats_follow_the_total_says_that_it_may_grow() -> None:
    text, clock = io.StringIO(), Clock()
    with Progress(console(text), 2, [], clock, precision="±5 %") as progress:
        for _ in range(2):
            progress.started(cell(), "")
            clock.now += 10
            progress.finished(record(rmse=0.9123, fit_s=1.5))
        progress.repeats([cell(seed=1)])
        progress.started(cell(seed=1), "")
        progress.finished(record(rmse=0.9123, fit_s=1.5))
        progress.repeats([cell(seed=2)])
    assert text.getvalue().splitlines() == [
        f"[1/2+] {PLACE}",
        f"[1/2+] {PLACE}  RMSE 0.9123  fit 1.5 s  (1 more, about 10 s, then repeats)",
        f"[2/2+] {PLACE}",
        f"[2/2+] {PLACE}  RMSE 0.9123  fit 1.5 s",
        "repeats of 1 row, for times known to ±5 %",
        f"[3/3+] {PLACE[:-1]}1",
        f"[3/3+] {PLACE[:-1]}1  RMSE 0.9123  fit 1.5 s",
    ]


def test_a_cell_that_runs_again_says_why_in_plain_words() -> None:
    text = io.StringIO()
    with Progress(console(text), 1, []) as progress:
        progress.started(cell(), "")
        progress.tried_again("its predictions were lost: no space")
    again = "runs again, since something else may be the cause: its predictions were lost: no space"
    assert text.getvalue().splitlines()[1] == f"[1/1] {PLACE}  {again}"


def test_a_terminal_has_a_bar_for_all_cells_and_one_for_the_present() -> None:
    screen, clock = Terminal(), Clock()
    with Progress(console(screen, width=80), 3, [], clock) as progress:
        progress.started(cell(), "")
        clock.now += 10
        progress.finished(record(rmse=0.9123, fit_s=1.5))
        progress.started(cell("numpy_sgd_of_a_very_long_name"), "")
        clock.now += 4
        progress.on_event(checkpoint(5, 2.5))
        progress._bars.refresh()
    frame = screen.getvalue()
    assert "cell 2/3  about 16 s left" in frame, "10 s for each, of which 4 s are over"
    assert "epoch 5/20  RMSE 0.9500  8 s left" in frame
    assert "numpy_sgd_of_a_very" in frame
    assert f"[1/3] {PLACE}  RMSE 0.9123  fit 1.5 s\n" in frame.replace("\r", "")
    assert "(1 more" not in frame, "the bar has the time left"


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_without_cursor_movement_gets_plain_lines(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    screen = Terminal()
    with Progress(console(screen, width=80), 1, []) as progress:
        progress.started(cell(), "")
        progress.finished(record(rmse=0.9123, fit_s=1.5))
    assert screen.getvalue() == f"[1/1] {PLACE}\n[1/1] {PLACE}  RMSE 0.9123  fit 1.5 s\n"


def test_a_name_has_what_the_cells_differ_in() -> None:
    cells = [cell(settings={"batch_size": "256"}), cell("als", seed=1, preset="fast")]
    fields = shared(cells)
    assert list(fields.values()) == ["ml-100k", "random:80/10/10", "cpu", "2 threads"]
    assert [name_of(each, fields) for each in cells] == [
        "bias batch_size=256  seed 0",
        "als:fast  seed 1",
    ]
    once = cells[0]
    twice = replace(once, request=once.request.model_copy(update={"again": 1}))
    assert name_of(twice, fields) == "bias batch_size=256  seed 0 again"


@pytest.mark.parametrize("live", [False, True])
def test_a_name_stays_on_its_line_and_is_no_emoji_and_no_command(live: bool) -> None:
    text = Terminal() if live else io.StringIO()
    odd = cell("a\n\x1b[2J\u202eb.py:X:smile:", dataset="d\x1b]0;title\x07:smile:\n.csv")
    with Progress(console(text, width=200), 1, []) as progress:
        progress.started(odd, "its \x1b[1msource changed")
        progress._bars.refresh()
        progress.finished(record("bias", status="failed", reason="no \x1b[5m"))
    shown = text.getvalue()
    name = r"a\n\x1b[2J\u202eb.py:X:smile:  d\x1b]0;title\x07:smile:\n.csv  random:80/10/10"
    assert name in shown
    assert not [raw for raw in ("\x1b[2J", "\x1b]0", "\x1b[5m", "\u202e", "\x07") if raw in shown]
