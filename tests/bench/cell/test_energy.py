"""Joules of a fit on a meter and a timer that move when set, and which counter is read."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.cell.energy import LOOP_S, NoMeterError, account, energy_of, nvml_meter


class Fit:
    """Takes `seconds` and, at 100 W, a hundred joules in each."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.count = seconds, 50.0, 0

    def __call__(self) -> None:
        self.now += self.seconds
        self.count += 1

    def timer(self) -> float:
        return self.now

    def meter(self) -> int:
        return round(self.now * 100_000)


@pytest.mark.parametrize(("seconds", "fits"), [(2.0, 3), (LOOP_S / 8, 8), (60.0, 1)])
def test_a_fit_is_repeated_until_the_time_is_over_and_made_once_at_least(
    seconds: float, fits: int
) -> None:
    fit = Fit(seconds)
    measured = energy_of(fit, fit.meter, fit.timer)
    assert fit.count == measured["fits"] == fits
    assert measured["joules_per_fit"] == pytest.approx(100 * seconds)
    assert measured["seconds"] == pytest.approx(fits * seconds)
    assert measured["seconds"] >= LOOP_S


def test_without_a_meter_nothing_is_fitted_and_the_reason_is_reported() -> None:
    def none() -> Any:
        raise NoMeterError("no counter")

    fit = Fit(1)
    assert account(fit, none) == {"measured": None, "reason": "no counter"}
    assert fit.count == 0


def test_a_fit_that_raises_is_reported() -> None:
    def raises() -> None:
        raise ValueError("not twice")

    found = account(raises, lambda: lambda: 0)
    assert found == {"measured": None, "reason": "the repeated fit raised ValueError"}


class NVMLError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Four devices of a machine by their UUID, of which torch sees the last two in turned order."""
    counters = {"GPU-a": 1, "GPU-b": 2, "GPU-c": 3, "GPU-d": 4}
    visible = ["d", "c"]

    def handle(uuid: str) -> str:
        if uuid not in counters:
            raise NVMLError("Not Found")
        return uuid

    made = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetTotalEnergyConsumption=counters.__getitem__,
        visible=visible,
    )
    monkeypatch.setitem(sys.modules, "pynvml", made)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=visible[index])
    )
    return made


@pytest.mark.parametrize(("index", "counter"), [(0, 4), (1, 3)])
def test_torchs_device_is_found_by_its_uuid(
    nvml: SimpleNamespace, index: int, counter: int
) -> None:
    assert nvml_meter(index)() == counter


def test_what_nvml_refuses_is_reported(nvml: SimpleNamespace) -> None:
    def unsupported(handle: str) -> int:
        raise NVMLError("Not Supported")

    nvml.visible.append("a part of one")
    with pytest.raises(NoMeterError, match="NVML: Not Found"):
        nvml_meter(2)
    nvml.nvmlDeviceGetTotalEnergyConsumption = unsupported
    with pytest.raises(NoMeterError, match="NVML: Not Supported"):
        nvml_meter(0)


def test_without_the_library_the_reason_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(NoMeterError, match=r"^nvidia-ml-py is not installed: pip install"):
        nvml_meter(0)


@pytest.mark.cuda
def test_the_counter_of_a_real_device_goes_up() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    try:
        meter = nvml_meter(0)
    except NoMeterError as error:
        pytest.skip(str(error))

    def work() -> None:
        a = torch.ones(2048, 2048, device="cuda")
        for _ in range(100):
            a = (a @ a).clamp(max=1)
        torch.cuda.synchronize()

    assert energy_of(work, meter)["joules_per_fit"] > 0
