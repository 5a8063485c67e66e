"""Facts of datasets that are not there, for the tests of planning and of what follows it."""

from __future__ import annotations

from bench.planning.facts import Facts
from bench.records import Data
from datasets.errors import NotAvailable


def facts(name: str, note: str = "") -> Facts:
    if name == "nowhere":
        raise NotAvailable("nowhere is not on this machine", "Provide it")
    goals = (0.9,) if name == "with-goals" else ()
    return Facts(
        Data(fingerprint=name, n_users=1, n_items=1, n_ratings=1, scale=(1, 5), note=note),
        goals,
    )
