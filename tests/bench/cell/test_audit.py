"""What the harness concludes from a worker's events, on a made-up clock."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.cell.audit import Audit, DisturbedError, Inherited
from bench.cell.events import Checkpoint, Evaluating, Event, Failed, Parts, Phase, Result
from bench.records import Memory, Record

SECOND = 1_000_000_000
BEFORE = ("import", "construction", "warm-up", "predict of the warm-up", "data", "fit")
RECORDS = Path(__file__).parents[3] / "results" / "records"


def checkpoint(epoch: int, **changes: Any) -> Checkpoint:
    """After two seconds of training for each epoch, and half a second of evaluation."""
    fields = {"epoch": epoch, "seconds": 2.0 * epoch, "rmse": 1 / epoch, "mae": 0.5}
    return Checkpoint(**{**fields, "planned": 2, "evaluation_s": 0.5 * epoch, **changes})


def result(**changes: Any) -> Result:
    """Of 2 epochs, 9 seconds after its process was started."""
    parts = {"import": 1.0, "warmup": 1.0, "fit": 4.0, "evaluation": 1.0, "predict": 1.0}
    parts |= {"overhead": 1.0, **changes.pop("parts", {})}
    fields: dict[str, Any] = {
        "epochs": 2,
        "epochs_ran": 2,
        "best_epoch": 2,
        "checkpoints": 2,
        "epoch_s": 2.0,
        "val_rmse": 0.5,
        "timed_out": False,
        "diverged_at": None,
        "thread_pools": {},
        "numerics": None,
        "memory": Memory(host_peak_bytes=1, device_peak_bytes=None),
        "parts": Parts.model_validate(parts),
        "ended_ns": 9 * SECOND,
    }
    return Result(**{**fields, **changes})


def timed(*checkpoints: Checkpoint) -> Iterator[tuple[Event, float]]:
    """The events of a cell up to its predictions, with their seconds; `fit` begins at 3."""
    for name in BEFORE:
        yield Phase(name=name), 3.0  # type: ignore[arg-type]
    for number, each in enumerate(checkpoints, start=1):
        yield Evaluating(), 2.5 * number + 2.5
        yield each, 2.5 * number + 3
    yield Phase(name="predict"), 8.0


def audit(events: Iterator[tuple[Event, float]], delay_s: float = 0.0) -> Audit:
    """Of events that were read up to `delay_s` after they were sent."""
    seen = Audit(n_validation=100, n_test=100)
    for event, at_s in events:
        assert seen.note(event, int(at_s * SECOND), int((at_s + delay_s) * SECOND)) is None
    return seen


def test_an_honest_cell_contradicts_nothing() -> None:
    seen = audit(timed(checkpoint(1), checkpoint(2)))
    assert seen.note(result(), 0, 0) is None
    assert seen.contradiction(result(), spawned_ns=0) is None
    assert seen.doubts(result(cpu_s=8.5), cpu_s=9.0) == []


@pytest.mark.parametrize(
    ("blocks", "right"),
    [([0.15, 0.4], True), ([0.25, 0.26], False), ([0.25], False), ([0.25] * 3, False), ([], False)],
)
def test_parts_of_the_validation_ratings_are_as_many_as_wanted_and_have_its_rmse(
    blocks: list[float], right: bool
) -> None:
    """Of 3 and of 2 ratings."""
    seen = Audit(n_validation=5, n_test=5, blocks=2)
    for event, at_s in timed(checkpoint(1), checkpoint(2)):
        assert seen.note(event, int(at_s * SECOND), int(at_s * SECOND)) is None
    assert (seen.contradiction(result(val_blocks=blocks), spawned_ns=0) is None) == right


def test_fits_with_epoch_budgets_contradict_nothing() -> None:
    """A fit of more epochs may be the shorter one, and each is timed by itself."""
    seen = audit(timed(checkpoint(1, seconds=3.0), checkpoint(2, seconds=1.0)))
    of_both = result(parts={"fit": 1.0, "other_budgets": 3.0})
    assert seen.contradiction(of_both, spawned_ns=0) is None


def test_a_cell_without_validation_contradicts_nothing() -> None:
    seen = audit(timed())
    alone = result(best_epoch=None, val_rmse=None, checkpoints=0)
    assert seen.contradiction(alone, spawned_ns=0) is None


@pytest.mark.parametrize("event", [Phase(name="predict"), Phase(name="fit"), result()])
def test_events_out_of_order_are_named(event: Event) -> None:
    seen = Audit(0, 0)
    assert seen.note(Phase(name="import"), 0, 0) is None
    fault = seen.note(event, 0, 0)
    assert fault is not None
    assert fault.endswith("after import: no event of the harness")


def test_a_failure_may_be_reported_at_any_time() -> None:
    assert Audit(0, 0).note(Failed(reason="no such luck"), 0, 0) is None


@pytest.mark.parametrize(
    ("curve", "changes", "reason"),
    [
        ((), {"ended_ns": 10 * SECOND}, "parts of its clock that do not sum to its time"),
        ((), {"checkpoints": 1}, "a result that is not that of its checkpoints"),
        ((), {"val_rmse": 0.4}, "a result that is not that of its checkpoints"),
        ((), {"val_blocks": [0.25, 0.25]}, "not those of its validation RMSE"),
        ((), {"best_epoch": 1}, "a result that is not that of its checkpoints"),
        ((4.0, 2.0), {}, "fewer seconds at epoch 2 than before"),
        ((2.0, 4.5), {}, "a fit that is shorter than its checkpoints"),
        ((1e-6, 4.0), {}, "1e-06 s of training until epoch 1"),
        ((0.7, 0.8), {"parts": {"fit": 0.8, "import": 4.2}}, "0.7 s of training until epoch 1"),
        ((2.0, 4.0), {"parts": {"evaluation": 0.0, "overhead": 0.0, "import": 3.0}}, "the end of"),
    ],
)
def test_what_contradicts_itself_or_the_harness_clock_is_named(
    curve: tuple[float, ...], changes: dict[str, Any], reason: str
) -> None:
    first, second = curve or (2.0, 4.0)
    seen = audit(timed(checkpoint(1, seconds=first), checkpoint(2, seconds=second)))
    fault = seen.contradiction(result(**changes), spawned_ns=0)
    assert fault is not None
    assert reason in fault


def test_a_harness_that_reads_late_blames_nobody() -> None:
    """An hour may lie between sending and reading: only what was surely seen counts."""
    seen = audit(timed(checkpoint(1), checkpoint(2)), delay_s=3600)
    short = result(parts={"evaluation": 0.0, "overhead": 0.0, "import": 3.0})
    assert seen.contradiction(short, spawned_ns=0) is None
    assert seen.doubts(result(off_clock_cpu_s=3600), None) == []


HIDDEN = {"fit": 0.001, "evaluation": 4.999, "warmup": 0.01, "predict": 0.01}


@pytest.mark.parametrize(
    ("parts", "cpu_s", "flagged"),
    [
        (HIDDEN, 4.9, True),
        (HIDDEN, 0.1, False),  # it waited: other programs had the CPU
        ({**HIDDEN, "warmup": 3.0}, 4.9, False),  # it may compile again for other shapes
        ({**HIDDEN, "predict": 2.0}, 4.9, False),  # its predictions are slow
        ({}, 1.0, False),
    ],
)
def test_work_off_the_training_clock_is_flagged(
    parts: dict[str, float], cpu_s: float, flagged: bool
) -> None:
    seen = audit(timed(checkpoint(1), checkpoint(2)))
    found = seen.doubts(result(parts=parts, off_clock_cpu_s=cpu_s), None)
    assert bool(found) is flagged
    if flagged:
        assert found == [
            "busy for 5 s (4.9 s of CPU) during fit beside the 0.001 s of the training clock"
        ]


def test_a_fit_of_more_epochs_that_begins_where_another_ended_is_flagged() -> None:
    """With epoch budgets each is from scratch; a disturbed one may take longer than the next."""
    for first_s, flagged in ((12.0, True), (1.0, False)):
        fits = checkpoint(1, seconds=first_s), checkpoint(2, seconds=0.9)
        seen = audit(timed(*fits))
        found = seen.doubts(result(parts={"fit": 0.9, "other_budgets": first_s}), None)
        assert ("not from scratch" in "".join(found)) is flagged


def test_cpu_seconds_that_a_worker_does_not_report_are_flagged() -> None:
    """As of a process that was detached and has ended."""
    seen = audit(timed(checkpoint(1), checkpoint(2)))
    cores = os.cpu_count() or 1
    reported = result(cpu_s=7.0, parts={"warmup": 0.1})
    assert seen.doubts(reported, cpu_s=10.0 + 0.1 * cores) == []
    (flag,) = seen.doubts(reported, cpu_s=17.0 + 0.1 * cores)
    assert "s of CPU that are in no part of its clock" in flag


def test_no_committed_record_would_be_doubted() -> None:
    """Had all that is not on its training clock been spent during `fit`, and as CPU time."""
    lines = [line for path in RECORDS.glob("*.jsonl*") for line in _lines(path)]
    records = [Record.model_validate_json(line) for line in lines if '"schema": 2' in line[:40]]
    timed_ones = [each for each in records if each.times and each.metrics]
    assert len(timed_ones) > 100
    for record in timed_ones:
        times, metrics = record.times, record.metrics
        assert times is not None
        assert metrics is not None
        n_test = metrics.n_test - metrics.n_cold_start
        seen = Audit(n_test if record.curve else 0, n_test)
        seen._window_s = times.fit_s + times.other_budgets_s + times.evaluation_s
        found = result(
            parts={
                "warmup": times.warmup_s,
                "fit": times.fit_s,
                "predict": times.predict_s,
                "other_budgets": times.other_budgets_s,
            },
            checkpoints=len(record.curve),
            epochs_ran=metrics.epochs,
            off_clock_cpu_s=times.evaluation_s,
        )
        assert seen.doubts(found, None) == [], record.cell


def _lines(path: Path) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return list(file)


def test_what_workers_inherit_is_set_back_or_the_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [0, 0, 5, 5]
    put: list[int] = []
    monkeypatch.setattr(os, "getpriority", lambda *_: levels.pop(0))
    monkeypatch.setattr(os, "setpriority", lambda *args: put.append(args[-1]))
    inherited = Inherited()
    assert inherited.restore() == []
    assert inherited.restore() == ["nice level"]
    assert put == [0]

    def forbidden(*_: int) -> None:
        raise PermissionError("not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    with pytest.raises(DisturbedError, match="nice level was changed while it ran, and cannot"):
        inherited.restore()
