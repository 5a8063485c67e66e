"""What is shown of a run on several machines."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from bench.cell.events import Checkpoint
from bench.commands.cluster.progress import MachinesProgress
from bench.commands.terminal import console
from bench.records import Record
from bench.running.cluster.machines import Machine, placed
from bench.running.cluster.payload import Payload, Setting
from bench.running.cluster.work import Work
from tests.support.machines import cell, greeting, recorded

ONE, TWO = (Machine(f"tcp://{name}", greeting(name)) for name in ("one", "two"))


def record(machine: Machine, name: str = "a", **changes: object) -> Record:
    planned = placed(cell(name), machine)
    payload = Payload.of(planned, Setting(run="run"), ())
    return recorded(payload, machine.greeting, **changes)


def work(machine: Machine, name: str = "a", again: str = "") -> Work:
    return Work(placed(cell(name), machine), again)


@pytest.fixture
def text() -> io.StringIO:
    return io.StringIO()


def shown(text: io.StringIO, on: Console | None = None) -> MachinesProgress:
    return MachinesProgress(on or console(text, width=200), [], "the store")


def test_each_line_names_its_machine(text: io.StringIO) -> None:
    with shown(text) as progress:
        progress.planned(3)
        for machine in (ONE, TWO):
            progress.joined(machine)
        progress.already_done(ONE, cell("c"))
        progress.started(ONE, work(ONE))
        progress.started(TWO, work(TWO, "b", "its source changed"))
        progress.finished(TWO, record(TWO, "b", status="lost", reason="gone", curve=[]))
        progress.left(TWO, "was lost")
        progress.moved("x, random:80/10/10", TWO, "was lost")
        progress.finished(ONE, record(ONE))
        progress.waiting(ONE)
        progress.sends(ONE, "r.csv", 2_500_000)
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("one: ")
    assert "(one)" in lines[0]
    assert "one: a  with-goals  random:80/10/10  cpu  2 threads  seed 0" in lines
    assert any(line.startswith("two: b") and "runs again: its source" in line for line in lines)
    assert "two: [2/3] b  with-goals  seed 0  lost: gone" in lines
    assert "WARNING: two was lost" in lines
    assert any(line.startswith("one: [3/3] a  with-goals  seed 0") for line in lines)
    assert "one: gets r.csv (2.5 MB)" in lines
    assert lines[-1] == "1 of 3 cells had records already"


def test_on_a_terminal_each_machine_has_a_line(text: io.StringIO) -> None:
    on = Console(file=text, force_terminal=True, width=120, force_interactive=True)
    text.isatty = lambda: True  # type: ignore[method-assign]
    with shown(text, on) as progress:
        progress.planned(4)
        progress.joined(ONE)
        progress.joined(TWO)
        progress.started(ONE, work(ONE))
        checkpoint = Checkpoint(epoch=2, seconds=1, rmse=0.9, mae=1, planned=3, evaluation_s=0)
        progress.on_event(ONE, checkpoint)
        progress._bars.refresh()
        seen = text.getvalue()
        progress.finished(ONE, record(ONE))
    assert "epoch 2/3  RMSE 0.9000" in seen
    assert "cell 0/4" in seen
    assert "two" in seen


def test_a_record_that_cannot_be_stored_is_named(text: io.StringIO, tmp_path: Path) -> None:
    with shown(text) as progress:
        progress.not_stored(1, OSError(28, "No space left on device"), None)
        progress.never_stored([record(ONE)], tmp_path)
    assert "1 record could not be stored (No space left on device)" in text.getvalue()
    assert f"cat {tmp_path} >> the store" in text.getvalue()
