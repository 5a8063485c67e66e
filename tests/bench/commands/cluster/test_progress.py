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
    assert any(line.startswith("two: [2/3] b  with-goals  seed 0  lost: gone") for line in lines)
    assert "WARNING: two was lost" in lines
    assert any(line.startswith("one: [3/3] a  with-goals  seed 0") for line in lines)
    assert "one: gets r.csv (2.5 MB)" in lines
    had = lines.index("1 of 3 cells had records already")
    assert had < min(place for place, line in enumerate(lines) if "[" in line)


def at(epoch: int, planned: int = 9) -> Checkpoint:
    return Checkpoint(epoch=epoch, seconds=epoch, rmse=0.9, mae=1, planned=planned, evaluation_s=0)


def test_a_log_has_some_epochs_of_each_machine_and_the_time_left(text: io.StringIO) -> None:
    now = [0.0]
    with MachinesProgress(
        console(text, width=200), [], "the store", timer=lambda: now[0]
    ) as progress:
        progress.planned(2)
        progress.joined(ONE)
        progress.started(ONE, work(ONE))
        for epoch in (0, 1, 2, 3, 5, 6, 7, 9):  # 4 and 8 are not reported
            progress.on_event(ONE, at(epoch))
        now[0] = 3.0
        progress.finished(ONE, record(ONE))
        progress.started(ONE, work(ONE, "b"))
        progress.on_event(ONE, at(1, 1))
        progress.finished(ONE, record(ONE, "b"))
    lines = text.getvalue().splitlines()
    epochs = [line.split("epoch ")[1] for line in lines if "epoch" in line]
    assert [each.split()[0] for each in epochs] == ["1/9", "2/9", "5/9", "9/9", "1/1"]
    assert "one:     epoch 1/9  validation RMSE 0.9000  8 s left" in lines
    ends = [line for line in lines if "[" in line]
    assert ends[0].endswith("  (1 more, about 3 s)")
    assert "more" not in ends[1]


@pytest.mark.parametrize(
    ("return_s", "words"),
    [
        (None, ""),
        (10.0, "; with-goals waits for it (10 s once nothing else runs), for rows of two"),
        (0.0, "; with-goals cannot go on without it, for rows of two machines never"),
    ],
)
def test_a_lost_machine_is_named_with_what_waits_for_it(
    text: io.StringIO, return_s: float | None, words: str
) -> None:
    with shown(text) as progress:
        progress.return_s = return_s
        progress.joined(TWO)
        progress.started(TWO, work(TWO))
        progress.runs_again(TWO, record(TWO, status="lost", reason="gone", curve=[]))
        progress.left(TWO, "was lost")
    [line] = [line for line in text.getvalue().splitlines() if "WARNING" in line]
    assert line.startswith(f"WARNING: two was lost{words}")


def test_nothing_waits_for_a_machine_whose_table_moved(text: io.StringIO) -> None:
    with shown(text) as progress:
        progress.return_s = 10.0
        progress.joined(ONE)
        progress.joined(TWO)
        progress.runs_again(TWO, record(TWO, status="lost", reason="gone", curve=[]))
        progress.moved("with-goals", TWO, "was lost")
        progress.left(TWO, "was lost")
    assert text.getvalue().endswith("WARNING: two was lost; with-goals goes to another machine\n")
    assert "waits" not in text.getvalue()


def test_a_table_that_moves_where_no_cell_was_lost_says_why(text: io.StringIO) -> None:
    with shown(text) as progress:
        progress.joined(ONE)
        progress.joined(TWO)
        progress.moved("with-goals", TWO, "its ml-1m has other ratings")
        progress.left(TWO, "left the cluster")
    assert text.getvalue().splitlines()[2:] == [
        "two: with-goals goes to another machine: its ml-1m has other ratings",
        "WARNING: two left the cluster",
    ]


def test_why_the_only_machine_runs_nothing_is_said_once(text: io.StringIO) -> None:
    with shown(text) as progress:
        progress.planned(3)
        progress.joined(ONE)
        progress.moved("with-goals", ONE, "it has no ratings")
        for name in "ab":
            skipped = record(ONE, name, status="skipped", reason="one: it has no ratings", curve=[])
            progress.finished(ONE, skipped)
        progress.started(ONE, work(ONE, "c"))
        progress.finished(ONE, record(ONE, "c"))
    lines = text.getvalue().splitlines()[1:]
    assert lines[:2] == [
        "one: with-goals needs another machine, and no other is there: it has no ratings",
        "one: 2 cells skipped",
    ]
    assert "[3/3] c" in lines[-1]


def test_machines_that_are_busy_share_what_is_left(text: io.StringIO) -> None:
    now = [0.0]
    progress = MachinesProgress(console(text, width=200), [], "the store", timer=lambda: now[0])
    progress.planned(5)
    for machine in (ONE, TWO):
        progress.joined(machine)
        progress.started(machine, work(machine))
    now[0] = 3.0
    progress.finished(ONE, record(ONE))
    assert text.getvalue().endswith("  (4 more, about 6 s)\n")


def test_what_had_records_is_reported_where_nothing_runs(text: io.StringIO) -> None:
    with shown(text) as progress:
        progress.planned(1)
        progress.already_done(ONE, cell("c"))
    assert text.getvalue() == "1 of 1 cell had records already\n"


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


def test_a_cell_that_runs_again_is_not_counted(text: io.StringIO) -> None:
    with shown(text) as progress:
        progress.planned(2)
        progress.joined(ONE)
        for status in ("ok", "lost"):
            progress.started(ONE, work(ONE))
            (progress.runs_again if status == "lost" else progress.finished)(
                ONE, record(ONE, status=status, reason="gone" * (status == "lost"))
            )
        progress.idle(60.0)
        progress.started(ONE, work(ONE))
        progress.finished(ONE, record(ONE))
    lines = text.getvalue().splitlines()
    assert [line.split()[1] for line in lines if "[" in line] == ["[1/2]", "[2/2]"]
    assert "one: a  with-goals  seed 0  lost: gone" in lines
    assert "nothing runs; waiting 60 s for a machine that can go on" in lines
    assert [each.status for each in progress.records] == ["ok", "ok"]
