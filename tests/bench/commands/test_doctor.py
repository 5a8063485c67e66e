"""The noise of a machine, by one row that is timed again and again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.events import Parts, Result
from bench.cell.execute import Outcome
from bench.cell.job import HarnessError
from bench.cli import app
from bench.commands import doctor
from bench.records import Disturbance, Memory


def timed(fit_s: float, wait_s: float = 0.0) -> Outcome:
    parts = {"import": 0.1, "warmup": 0.1, "fit": fit_s, "predict": 0.0, "overhead": 0.0}
    result = Result(
        parts=Parts.model_validate(parts),
        epochs=1,
        epochs_ran=1,
        best_epoch=None,
        epoch_s=fit_s,
        val_rmse=None,
        timed_out=False,
        diverged_at=None,
        memory=Memory(host_peak_bytes=None, device_peak_bytes=None),
        thread_pools={},
        numerics=None,
        ended_ns=0,
        disturbance=Disturbance(steal_s=None, wait_s=wait_s, involuntary_switches=0),
    )
    return Outcome("ok", result=result)


class Fake:
    """An executor of one outcome after another; `held` is whether it has the machine."""

    def __init__(self, outcomes: Iterable[Outcome], held: Callable[[], bool]) -> None:
        self._outcomes, self._held = iter(outcomes), held
        self.ran = 0

    def execute(self, *_: Any) -> Outcome:
        assert self._held()
        self.ran += 1
        return next(self._outcomes)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[Outcome]], Fake]:
    holders: list[object] = []

    @contextlib.contextmanager
    def exclusive(_: object) -> Iterator[None]:
        holders.append(None)
        yield
        holders.pop()

    monkeypatch.setattr(locks, "exclusive", exclusive)

    def install(outcomes: Iterable[Outcome]) -> Fake:
        fake = Fake(outcomes, lambda: bool(holders))
        monkeypatch.setattr(doctor, "ProcessExecutor", lambda: fake)
        return fake

    return install


def test_noise_is_in_words_with_its_intervals(install: Callable[..., Fake]) -> None:
    fits = [timed(2.0), timed(2.06), timed(2.06), timed(2.0)] * 5
    fake = install([timed(99.0), *fits])  # the first one finds files that are not in memory
    text = doctor.noise()
    assert fake.ran == 21
    assert text == (
        "Noise: two fits in a row of numpy_sgd_strata (2 s, one thread, one seed) differ by 3.0 % "
        "(95 % interval 2.1 to 5.2 %; 20 fits). To see a difference of 5 % takes 6 repeats of each "
        "row (4 to 11); seeds may add noise of their own. The row against itself: ratio 0.971 "
        "(0.971 to 0.971), so this machine drifts, or it is the one case in 20 by chance."
    )


def test_fits_that_waited_are_counted(install: Callable[..., Fake]) -> None:
    install(chain([timed(2)] * 5, [timed(2, wait_s=1)] * 3, repeat(timed(2))))
    text = doctor.noise()
    assert "ratio 1.000 (1.000 to 1.000), no difference, as it should be." in text
    assert "Disturbed: 3 of 20 fits (one waited for a core 50 % of its time)." in text


def test_a_slow_machine_gets_fewer_runs(
    install: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "NOISE_S", 0.0)
    assert "; 12 fits)" in (install(repeat(timed(1))) and doctor.noise())


def test_a_row_that_does_not_end_well_is_one_error(install: Callable[..., Fake]) -> None:
    install(repeat(Outcome("failed", "no such luck")))
    done = CliRunner().invoke(app, ["doctor", "--noise"])
    assert done.exit_code == 2
    assert "numpy_sgd_strata failed: no such luck" in done.output
    with pytest.raises(HarnessError):
        doctor.noise()


def test_the_row_really_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NOISE_RUNS", 1)
    splits = Splits()
    seconds, _ = doctor._timed_again_and_again(doctor.ProcessExecutor(), splits)
    splits.discard()
    assert len(seconds) == 1
    assert seconds[0] > 0
