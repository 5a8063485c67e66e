"""Goal RMSEs of a dataset for which the catalog has none: those that it gives itself."""

from __future__ import annotations

from bench.planning.plan import BASELINE
from bench.records import round_up

BEST = "the best"
STEPS = {0.0: BASELINE, 0.5: "1/2 to the best", 0.9: "9/10 to the best", 1.0: BEST}
"""Share of the way from the baseline's validation RMSE to the lowest of all -> name."""


def own_goals(start: float, best: float) -> dict[float, str]:
    """Goal RMSE -> name, easiest first, from what the baseline reached to the best of all."""
    goals: dict[float, str] = {}
    for share, name in STEPS.items():
        goals.setdefault(round_up(start - share * max(start - best, 0.0)), name)
    return goals
