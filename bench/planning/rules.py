"""When the harness ends training early."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """When the harness ends training early, besides the implementation's last epoch.

    patience      epochs, or fits at epoch budgets, without a better validation RMSE; None: never
    until_rmse    validation RMSE at which to stop; None: never
    time_limit_s  seconds on the training clock, over the fits at all epoch budgets together
    sparing       no epoch is evaluated while evaluations have taken longer than training, but for
                  the first one and that at which the epochs or the time are over
    """

    patience: int | None = None
    until_rmse: float | None = None
    time_limit_s: float = math.inf
    sparing: bool = False
