"""The energy of a fit on a CUDA device: the fit is repeated between two readings of the device's
own counter."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any

LOOP_S = 5.0
"""The counter moves in steps of up to a tenth of a second, which is little of this long."""

Meter = Callable[[], int]
"""Millijoules since some time in the past."""


class NoMeterError(Exception):
    """Why the energy of a device cannot be read."""


def account(fit: Callable[[], object], meter_of: Callable[[], Meter]) -> dict[str, Any]:
    """`measured`, the fields of `bench.records.Energy`, or None and the `reason`.

    Never raises: the cell whose fit is repeated has its result by now.
    """
    try:
        return {"measured": energy_of(fit, meter_of()), "reason": ""}
    except NoMeterError as error:
        reason = str(error)
    except Exception as error:
        traceback.print_exc()
        reason = f"the repeated fit raised {type(error).__name__}"
    return {"measured": None, "reason": reason}


def energy_of(
    fit: Callable[[], object], meter: Meter, timer: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Joules of one fit, the mean over as many as begin within `LOOP_S`.

    `fit` returns when the device is done; `timer` gives seconds.
    """
    began, before = timer(), meter()
    fits = 0
    while not fits or timer() < began + LOOP_S:
        fit()
        fits += 1
    millijoules, seconds = meter() - before, timer() - began
    return {"joules_per_fit": millijoules / 1000 / fits, "fits": fits, "seconds": seconds}


def nvml_meter(index: int) -> Meter:
    """Reads the counter of torch's CUDA device `index`. Raises NoMeterError where there is none.

    NVML numbers all devices of the machine, torch those that CUDA_VISIBLE_DEVICES leaves, in an
    order of its own: only the UUID means the same to both.
    """
    try:
        import pynvml
    except ImportError:
        raise NoMeterError("nvidia-ml-py is not installed: pip install -e '.[cuda]'") from None
    import torch

    uuid = torch.cuda.get_device_properties(index).uuid
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)  # older devices have none
    except pynvml.NVMLError as error:
        raise NoMeterError(f"NVML: {error}") from None
    return lambda: int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
