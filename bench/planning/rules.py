"""When the harness ends training early."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """When the harness ends training early, besides the implementation's last epoch.

    patience      evaluations without a better validation RMSE, of each epoch or of each fit at an
                  epoch budget; None: never
    until_rmse    validation RMSE at which to stop; None: never
    time_limit_s  seconds on the training clock, over the fits at all epoch budgets together
    sparing       while evaluations have taken longer than training, an epoch is evaluated only a
                  quarter further than the last one, and where the epochs or the time are over
    """

    patience: int | None = None
    until_rmse: float | None = None
    time_limit_s: float = math.inf
    sparing: bool = False
