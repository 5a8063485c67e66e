"""What `bench run --cluster` makes of what came of its cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.commands import terminal
from bench.commands.cluster.progress import MachinesProgress
from bench.commands.cluster.running import Requested, _ended
from bench.commands.run import FAILED
from bench.records import Record
from bench.running.cluster.machines import Machine, placed
from bench.running.cluster.payload import Payload, Setting
from bench.running.ledger import Ledger
from bench.store import RecordStore
from datasets.reading.layout import AS_DETECTED
from tests.support.machines import Watching, cell, greeting, recorded
from tests.support.records import metrics, times

ONE, TWO = (
    Machine(f"tcp://{name}", greeting(name, cores)) for name, cores in (("one", 2), ("two", 4))
)


def record(machine: Machine, status: str, name: str = "a") -> Record:
    payload = Payload.of(placed(cell(name), machine), Setting(run="run"), ())
    changes = (
        {"metrics": metrics(1.0, []), "times": times(1.0)} if status == "ok" else {"curve": []}
    )
    return recorded(payload, machine.greeting, status=status, **changes)


LOST = record(ONE, "lost")


@pytest.mark.parametrize(
    ("again", "over", "code"),
    [
        pytest.param([LOST], [record(TWO, "ok")], 0, id="ran elsewhere"),
        pytest.param([LOST], [record(ONE, "ok")], 0, id="ran there again"),
        pytest.param([], [record(ONE, "ok", "b"), LOST], FAILED, id="given up"),
        pytest.param([], [record(ONE, "failed"), record(TWO, "ok")], FAILED, id="failed"),
    ],
)
def test_a_cell_that_was_lost_and_ran_again_is_no_failure(
    again: list[Record], over: list[Record], code: int, tmp_path: Path
) -> None:
    new: list[Record] = []
    progress = MachinesProgress(terminal.out, new, "the store")
    for each in again:
        progress.runs_again(ONE, each)
    for each in over:
        progress.finished(ONE, each)
    ledger = Ledger(RecordStore(tmp_path), Watching())
    of = Requested(
        *("somewhere", False, AS_DETECTED, "", tmp_path, None, None, None, False, False, "off")
    )
    assert _ended([*again, *over], [], None, ledger, new, of) == code
