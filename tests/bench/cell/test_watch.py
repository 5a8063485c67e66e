"""Deadlines and the memory limit, on times that are only numbers."""

from __future__ import annotations

import pytest

from bench.cell.events import Checkpoint, Energy, Evaluating, Event, Failed, Parts, Phase, Result
from bench.cell.watch import Limits, Watch
from bench.records import Memory

LIMITS = Limits(time_limit_s=100, memory_limit_bytes=1000, grace_s=10, exit_s=5)

PARTS = Parts.model_validate(dict.fromkeys(["import", "warmup", "fit", "predict", "overhead"], 1.0))
RESULT = Result(
    epochs=1,
    epochs_ran=1,
    best_epoch=1,
    epoch_s=1.0,
    val_rmse=1.0,
    timed_out=False,
    diverged_at=None,
    thread_pools={},
    numerics=None,
    memory=Memory(host_peak_bytes=1, device_peak_bytes=None),
    parts=PARTS,
    ended_ns=0,
)


def checkpoint(evaluation_s: float) -> Checkpoint:
    return Checkpoint(epoch=1, seconds=1.0, rmse=1.0, mae=1.0, planned=2, evaluation_s=evaluation_s)


def status(watch: Watch, now: float, memory: int = 0, cpu_s: float | None = 0.0) -> str | None:
    stop = watch.verdict(now, memory, cpu_s)
    return None if stop is None else stop.status


def test_each_phase_has_the_limit_and_the_grace() -> None:
    watch = Watch(LIMITS, started=0)
    assert status(watch, 110) is None
    watch.note(Phase(name="fit"), now=110)
    assert status(watch, 220) is None
    stop = watch.verdict(220.1, 0, 0.0)
    assert stop is not None
    assert stop.status == "timeout"
    assert stop.reason == "no end of fit within the time limit of 100 s and 10 s more; killed"


def test_evaluation_does_not_count_as_fit() -> None:
    watch = Watch(LIMITS, started=0)
    watch.note(Phase(name="fit"), now=0)
    watch.note(checkpoint(30.0), now=50)
    watch.note(checkpoint(50.0), now=99)
    assert status(watch, 160) is None
    assert status(watch, 160.1) == "timeout"


def test_an_evaluation_has_a_limit_of_its_own_and_a_fit_goes_on_with_what_it_had() -> None:
    watch = Watch(LIMITS, started=0)
    watch.note(Phase(name="fit"), now=0)
    watch.note(Evaluating(), now=90)
    assert status(watch, 200) is None
    stop = watch.verdict(200.1, 0, 0.0)
    assert stop is not None
    assert "no end of predict on validation pairs" in stop.reason
    watch.note(checkpoint(60.0), now=150)
    assert status(watch, 170) is None
    stop = watch.verdict(170.1, 0, 0.0)
    assert stop is not None
    assert "no end of fit" in stop.reason


def test_memory_beyond_the_limit_stops_at_once() -> None:
    watch = Watch(LIMITS, started=0)
    assert status(watch, 1, memory=1000) is None
    assert status(watch, 1, memory=1001) == "out of memory"


def test_the_fits_for_their_energy_have_the_limit_of_a_phase() -> None:
    watch = Watch(LIMITS, started=0)
    watch.note(RESULT, now=50)
    watch.note(Phase(name="energy"), now=51)
    assert status(watch, 161) is None
    assert status(watch, 161.1) == "timeout"


def test_a_worker_that_uses_no_processor_for_half_a_minute_hangs() -> None:
    watch = Watch(LIMITS, started=0)
    watch.note(Phase(name="fit"), now=0)
    for second in range(1, 30):
        assert status(watch, second, cpu_s=5.0) is None
    assert status(watch, 30, cpu_s=5.1) is None, "it ran again"
    for second in range(31, 60):
        assert status(watch, second, cpu_s=5.11) is None
    stop = watch.verdict(60, 0, 5.12)
    assert stop is not None
    assert stop.status == "failed"
    assert stop.reason == "hangs in fit: no processor time in 30 s; killed"


def test_a_worker_of_which_nothing_is_known_does_not_hang() -> None:
    """On some systems a child that has ended hides what the others use."""
    watch = Watch(LIMITS, started=0)
    watch.note(Phase(name="fit"), now=0)
    assert [status(watch, second, cpu_s=None) for second in range(1, 100)] == [None] * 99


def test_an_event_and_a_machine_that_slept_are_no_hang() -> None:
    watch = Watch(LIMITS, started=0)
    watch.note(Phase(name="fit"), now=0)
    for second in range(1, 30):
        assert status(watch, second) is None
    watch.note(checkpoint(0.0), now=30)
    assert status(watch, 31) is None
    assert status(watch, 90) is None, "one look after an hour of sleep"


@pytest.mark.parametrize("last", [RESULT, Failed(reason="broke"), Energy()])
def test_a_worker_must_end_soon_after_its_last_event(last: Event) -> None:
    watch = Watch(LIMITS, started=0)
    watch.note(last, now=50)
    assert status(watch, 55) is None
    assert status(watch, 55.1) == "failed"
