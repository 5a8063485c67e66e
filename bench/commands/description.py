"""What is known of a dataset and of how its file was read, as `bench data` shows it."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from bench.planning.facts import Facts
from bench.records import Data
from datasets.ratings import Dataset, Ids
from datasets.reading.layout import ROLES
from datasets.reading.report import Reading
from datasets.splits import GIVEN

BINS = 12
"""Bars of a histogram at most."""
NOT_READ = Reading(rows=0, columns={}, quoting="")
"""Of a dataset that no file is of."""


class ReadColumn(BaseModel):
    """The column that plays a role; `position` is from 1."""

    name: str
    position: int
    why: str


class Bar(BaseModel):
    """The ratings from `low` to `high`: that one value where they are equal, else all from `low`
    on that are below `high` (in the last bar, up to it)."""

    low: float
    high: float
    count: int


class Times(BaseModel):
    """The first and the last timestamp in seconds since 1970, and as dates in UTC: null for what
    no calendar has."""

    first: int
    last: int
    first_utc: str | None
    last_utc: str | None


class TestPart(BaseModel):
    """The ratings of a test file, and how many are of users and items that the train file has."""

    __test__ = False  # for pytest: its name begins with Test

    file: str
    n_ratings: int
    n_users: int
    n_items: int
    of_known_users: int
    of_known_items: int
    of_both: int


class Description(Data):
    """What `bench data --json` prints: the keys of a record's `data`, and how it was read.

    What only a file has is null or empty for a dataset that was generated.

    ids  role -> "whole numbers" or "text"
    """

    model_config = ConfigDict(extra="forbid")

    dataset: str
    ids: dict[str, str]
    test_part: TestPart | None
    rows: int | None
    columns: dict[str, ReadColumn]
    ignored: list[str]
    delimiter: str
    quoting: str
    header: bool | None
    date_format: str
    dropped: dict[str, int]
    notes: list[str]
    first: list[list[str]]
    histogram: list[Bar]
    density: float
    times: Times | None


def describe(name: str, facts: Facts, dataset: Dataset) -> Description:
    """All that is known of a dataset, of which `facts` are."""
    known, reading = facts.data, facts.reading
    read = dataclasses.asdict(reading or NOT_READ) | {"duplicate_rule": known.duplicate_rule}
    if reading is None:
        read |= {"rows": None, "header": None}
    read["columns"] = {role: read["columns"][role] for role in ROLES if role in read["columns"]}
    return Description(
        **{**known.model_dump(), **read, "scale": tuple(map(exact_value, known.scale))},
        dataset=name,
        ids={"user": _kind(dataset.user_ids), "item": _kind(dataset.item_ids)},
        test_part=_test_part(known.test, dataset) if known.test else None,
        histogram=histogram(dataset.ratings.values),
        density=known.n_ratings / (known.n_users * known.n_items),
        times=None if facts.times is None else _times(*facts.times),
    )


def _kind(ids: Ids) -> str:
    return "whole numbers" if ids.dtype.kind in "iu" else "text"


def _test_part(file: str, dataset: Dataset) -> TestPart:
    is_test, ratings = dataset.folds[GIVEN], dataset.ratings
    users, items = ratings.users[is_test], ratings.items[is_test]
    of_users = np.isin(users, ratings.users[~is_test])
    of_items = np.isin(items, ratings.items[~is_test])
    return TestPart(
        file=file,
        n_ratings=len(users),
        n_users=len(np.unique(users)),
        n_items=len(np.unique(items)),
        of_known_users=int(of_users.sum()),
        of_known_items=int(of_items.sum()),
        of_both=int((of_users & of_items).sum()),
    )


def histogram(values: NDArray[np.float32]) -> list[Bar]:
    """Each value with its count where there are at most BINS, else bins of a round width."""
    distinct, counts = np.unique(values, return_counts=True)
    exact = [exact_value(value) for value in distinct.tolist()]
    if len(exact) <= BINS:
        pairs = zip(exact, counts.tolist(), strict=True)
        return [Bar(low=value, high=value, count=count) for value, count in pairs]
    width, start, bins = _round_bins(exact[0], exact[-1])
    # Of counts by value, since there may be millions of ratings.
    places = [min(int((value - start) / width), bins - 1) for value in exact]
    totals = np.bincount(places, counts, minlength=bins).astype(int).tolist()
    edges = [float(f"{start + n * width:.12g}") for n in range(bins + 1)]
    return [
        Bar(low=low, high=high, count=count)
        for low, high, count in zip(edges, edges[1:], totals, strict=False)
    ]


def _round_bins(lowest: float, highest: float) -> tuple[float, float, int]:
    """Width, start and number of at most BINS bins that cover the range."""
    power = 10.0 ** math.floor(math.log10((highest - lowest) / BINS))
    for width in (power, 2 * power, 2.5 * power, 5 * power, 10 * power, 20 * power):
        start = math.floor(lowest / width) * width
        bins = math.ceil((highest - start) / width)
        if bins <= BINS:
            break
    return width, start, bins


def exact_value(value: float) -> float:
    """The shortest text of a float32 is what stands in a file: 3.9, not 3.9000000953674316."""
    return float(str(np.float32(value))) if abs(value) < np.finfo(np.float32).max else value


def _times(first: int, last: int) -> Times:
    [(_, first_utc), (_, last_utc)] = dated((first, last))
    return Times(first=first, last=last, first_utc=first_utc, last_utc=last_utc)


def dated(times: tuple[int, int]) -> list[tuple[int, str | None]]:
    """Each time with its date, or None where either is in no calendar: years 1 to 9999."""
    try:
        dates = [
            datetime.fromtimestamp(time, UTC).replace(tzinfo=None).isoformat(" ") for time in times
        ]
    except (ValueError, OverflowError, OSError):
        return [(time, None) for time in times]
    return list(zip(times, dates, strict=True))
