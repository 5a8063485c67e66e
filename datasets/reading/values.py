"""The ratings of a file -> numbers: which of them stand for "not rated", and which look so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.reading.layout import Layout
from datasets.reading.parsing import Columns, Texts

MOST_ZEROS = 0.1
"""A share of zeros beside ratings from 1 on above which they are more likely "not rated"."""
FAR_OFF = 0.001
"""A share of ratings far from all others from which on they are no odd high count."""
NINES = (99, 999, 9999)
"""Numbers that are written for "not rated", so that one of them is enough to be doubted."""
MOST_VOTES = 4
"""Distinct ratings, such as the votes -1, 0 and 1, of which none can stand apart."""
EARLIEST = 1e8
"""Ratings that are all above it look like times: seconds since 1970 are, from 1973 on."""


@dataclass(frozen=True)
class Values:
    """The ratings of a column, of which k are distinct.

    numbers   float32 (k,), NaN where it stands for "not rated"
    left_out  why rows are left out -> how many
    notes     what was assumed
    """

    numbers: NDArray[np.float32]
    left_out: dict[str, int]
    notes: list[str]


def values_of(columns: Columns, layout: Layout) -> Values:
    """The ratings of a file as numbers.

    Raises DataError for a rating that is no finite number, for ratings that look like times, and
    where many zeros may stand for "not rated".
    """
    numbers = _numbers(columns.texts["rating"])
    absent = _stands_for_none(columns.texts["rating"], numbers, layout)
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    remedy = "Correct the line, with a point before decimals; or leave such rows out: --missing"
    problem = "the rating is not a finite number"
    columns.refuse("rating", ~np.isfinite(values) & ~absent, problem, remedy)
    values[absent] = np.nan
    rated = values[~absent]
    if len(rated) and rated.min() > EARLIEST:
        raise DataError(
            f"the ratings are {rated.min():.10g} to {rated.max():.10g}, which look like times",
            "Name the columns: --columns user=…,item=…,rating=…,timestamp=…",
            where=columns.where,
        )
    notes = [*_doubtful_zeros(columns, values, layout), *_far_off(columns, values)]
    zero = absent & (numbers == 0) & (layout.zeros == "missing")
    counts = np.bincount(columns.texts["rating"].codes, minlength=len(values))
    left_out = {
        "rating 0, which stands for not rated": int(counts[zero].sum()),
        f"rating {' or '.join(each or 'empty' for each in layout.missing)}, which stands for not "
        "rated": int(counts[absent & ~zero].sum()),
    }
    return Values(values, {why: count for why, count in left_out.items() if count}, notes)


def _numbers(texts: Texts) -> NDArray[np.float64]:
    """Of the distinct texts; NaN for one that is no number."""
    import pyarrow as pa

    try:
        return np.asarray(pa.array(texts.values).cast(pa.float64()), np.float64)
    except pa.ArrowInvalid:
        return np.array([_number(text) for text in texts.written()])


def _number(text: str) -> float:
    try:
        return np.nan if "_" in text else float(text)
    except ValueError:
        return np.nan


def _stands_for_none(
    texts: Texts, numbers: NDArray[np.float64], layout: Layout
) -> NDArray[np.bool_]:
    """True for the distinct ratings that the user says are none."""
    absent = np.zeros(len(numbers), bool)
    if layout.missing:
        missing = {text.strip().casefold() for text in layout.missing}
        absent |= np.array([text.strip().casefold() in missing for text in texts.written()])
        absent |= np.isin(numbers, [_number(text) for text in missing])
    return absent | (numbers == 0) if layout.zeros == "missing" else absent


def _doubtful_zeros(columns: Columns, values: NDArray[np.float32], layout: Layout) -> list[str]:
    """What to say of zeros beside ratings from 1 on; raises DataError where they are many."""
    others = values[np.isfinite(values) & (values != 0)]
    counts = np.bincount(columns.texts["rating"].codes, minlength=len(values))
    n_zero = int(counts[values == 0].sum())
    if layout.zeros or not n_zero or len(np.unique(others)) < 2 or others.min() < 0:
        return []
    largest = int(counts[values != 0].max())
    if others.min() < 1 and n_zero <= largest:  # of a scale with half points, 0 may be the lowest
        return []
    found = f"{n_zero:,} of the ratings are 0, the others {others.min():g} to {others.max():g}"
    if n_zero > MOST_ZEROS * len(columns):
        raise DataError(
            f'{found}: 0 may be a rating, or stand for "not rated"',
            "Say --zeros missing to leave these rows out, or --zeros ratings",
            where=columns.where,
        )
    return [f"{found}: they are read as ratings; --zeros missing leaves them out"]


def _far_off(columns: Columns, values: NDArray[np.float32]) -> list[str]:
    """What to say of a lowest or highest rating that stands apart, as 99 and -1 for "not rated"
    do: farther from the others than they are from each other, or the only one below 0."""
    counts = np.bincount(columns.texts["rating"].codes, minlength=len(values))
    rated = np.isfinite(values)
    levels, which = np.unique(values[rated].astype(np.float64), return_inverse=True)
    if len(levels) < 2 or (len(levels) <= MOST_VOTES and levels[-1] not in NINES):
        return []
    per_level = np.bincount(which, counts[rated]).astype(int)
    notes = []
    for place, others in ((0, levels[1:]), (-1, levels[:-1])):
        value, count = levels[place], per_level[place]
        gap = max(others[0] - value, value - others[-1])
        often = count >= FAR_OFF * len(columns) and count > 2
        if ((often or abs(value) in NINES) and gap > others[-1] - others[0]) or value < 0 <= others[
            0
        ]:
            notes.append(
                f"{count:,} of the ratings are {value:g}, the others {others[0]:g} to "
                f"{others[-1]:g}: they are read as ratings; --missing {value:g} leaves them out"
            )
    return notes
