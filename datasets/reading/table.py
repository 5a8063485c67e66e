"""A ratings file -> its columns as numbers, and how they were read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import Ids
from datasets.reading.arrow import columns_of_table, open_table
from datasets.reading.dates import Times, times_of
from datasets.reading.dialect import PAIRS, Dialect, find_dialect
from datasets.reading.ids import ids_of
from datasets.reading.layout import AS_DETECTED, ROLES, Layout
from datasets.reading.parsing import Columns, Texts, read_columns
from datasets.reading.report import Reading
from datasets.reading.sources import Source, file_source

MOST_ZEROS = 0.1
"""A share of zeros beside ratings from 1 on above which they are more likely "not rated"."""
FAR_OFF = 0.001
"""A share of ratings far from all others from which on they are no odd high count."""
MOST_VOTES = 4
"""Distinct ratings, such as the votes -1, 0 and 1, of which none can stand apart."""
EARLIEST = 1e8
"""Ratings that are all above it look like times: seconds since 1970 are, from 1973 on."""


@dataclass(frozen=True)
class Table:
    """The columns of a ratings file in file order, ids coded by their sorted labels.

    users, items  int32 (n,) positions in user_ids, item_ids
    values        float32 (n,), all finite
    timestamps    int64 (n,) seconds since 1970, or None
    order         int64 (n,), the times at a finer resolution, where the file has one, or None
    reading       how the file was read; None where there is none
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    user_ids: Ids
    item_ids: Ids
    timestamps: NDArray[np.int64] | None = None
    order: NDArray[np.int64] | None = None
    reading: Reading | None = None

    @property
    def latest(self) -> NDArray[np.int64] | None:
        """By which the rating of a pair that counts is found: (n,), or None without times."""
        return self.timestamps if self.order is None else self.order


def read(source: Source, layout: Layout = AS_DETECTED) -> Table:
    """Parse a file of ratings; what `layout` leaves open is detected.

    Raises DataError with file and line for anything that is not a rating, and for what may be
    read in two ways.
    """
    columns, dialect = _columns(source, layout)
    return table_of(columns, dialect, layout)


def table_of(columns: Columns, dialect: Dialect, layout: Layout) -> Table:
    """The numbers of columns that are read. Raises DataError as `read` does."""
    values, of_ratings = _values(columns, layout)
    times = times_of(columns, layout) if "timestamp" in dialect.columns else None
    present, dropped = _present(columns, values, layout)
    if not present.any():
        raise DataError("no row is left", "Check --missing and --zeros", where=columns.where)
    first = _first(columns, present)
    kept = _rows(columns, present)
    users, user_ids, of_users = ids_of(kept, "user")
    items, item_ids, of_items = ids_of(kept, "item")
    ratings = values[columns.texts["rating"].codes][present]
    reading = Reading(
        rows=len(columns),
        columns=dialect.columns,
        ignored=dialect.ignored,
        delimiter=dialect.delimiter,
        quoting=columns.quoting,
        header=dialect.header,
        date_format=times.format if times else "",
        dropped=dropped,
        notes=(*dialect.notes, *of_ratings, *of_users, *of_items),
        first=first,
    )
    seconds, order = _times(times, present)
    return Table(users, items, ratings, user_ids, item_ids, seconds, order, reading)


def read_pairs(path: Path, layout: Layout = AS_DETECTED) -> tuple[list[str], list[str], list[str]]:
    """Users and items of a file of pairs as it writes them, and notes on how it was read.

    Columns are those that a header names, else the first two. Raises DataError as `read` does.
    """
    source = file_source(path)
    asked = {role: name for role, name in layout.columns.items() if role in PAIRS}
    columns, dialect = _columns(source, replace(layout, columns=asked), PAIRS)
    texts = [columns.texts[role] for role in PAIRS]
    for role, column in zip(PAIRS, texts, strict=True):
        blank = np.array([not str(value).strip() for value in column.values])
        columns.refuse(role, blank, f"the {role} id is missing")
    users, items = ([str(t.values[code]) for code in t.codes] for t in texts)
    notes = list(dialect.notes)
    if dialect.ignored:
        notes.append(f"columns that are neither user nor item: {', '.join(dialect.ignored)}")
    return users, items, notes


def _columns(
    source: Source, layout: Layout, roles: tuple[str, ...] = ROLES[:3]
) -> tuple[Columns, Dialect]:
    if (table := open_table(source)) is not None:
        return columns_of_table(table, layout, roles, source)
    dialect = find_dialect(source, layout, roles)
    if roles == PAIRS:
        pairs = {role: column for role, column in dialect.columns.items() if role in PAIRS}
        dialect = replace(dialect, columns=pairs)
    return read_columns(source, dialect), dialect


def _values(columns: Columns, layout: Layout) -> tuple[NDArray[np.float32], list[str]]:
    """The number of each distinct rating, NaN where it stands for "not rated"; and notes."""
    given = columns.texts["rating"].values
    numbers = np.array([_number(str(text)) for text in given], np.float64)
    absent = _stands_for_none(given, numbers, layout)
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
    return values, [*_doubtful_zeros(columns, values, layout), *_far_off(columns, values)]


def _number(text: str) -> float:
    try:
        return np.nan if "_" in text else float(text)
    except ValueError:
        return np.nan


def _stands_for_none(
    given: list[str] | NDArray[np.generic], numbers: NDArray[np.float64], layout: Layout
) -> NDArray[np.bool_]:
    """True for the distinct ratings that the user says are none."""
    texts = {text.strip().casefold() for text in layout.missing}
    absent = np.array([str(text).strip().casefold() in texts for text in given], bool)
    for text in texts:
        absent |= numbers == _number(text)
    return absent | (numbers == 0) if layout.zeros == "missing" else absent


def _doubtful_zeros(columns: Columns, values: NDArray[np.float32], layout: Layout) -> list[str]:
    """What to say of zeros beside ratings from 1 on; raises DataError where they are many."""
    others = values[np.isfinite(values) & (values != 0)]
    n_zero = int(np.count_nonzero((values == 0)[columns.texts["rating"].codes]))
    if layout.zeros or not n_zero or len(np.unique(others)) < 2 or others.min() < 1:
        return []
    share = n_zero / len(columns)
    found = f"{share:.1%} of the ratings are 0, the others {others.min():g} to {others.max():g}"
    if share > MOST_ZEROS:
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
    if len(levels) <= MOST_VOTES:
        return []
    per_level = np.bincount(which, counts[rated]).astype(int)
    notes = []
    for place, others in ((0, levels[1:]), (-1, levels[:-1])):
        value, count = levels[place], per_level[place]
        gap = max(others[0] - value, value - others[-1])
        often = count >= FAR_OFF * len(columns) and count > 2
        if (often and gap > others[-1] - others[0]) or value < 0 <= others[0]:
            notes.append(
                f"{count:,} of the ratings are {value:g}, the others {others[0]:g} to "
                f"{others[-1]:g}: they are read as ratings; --missing {value:g} leaves them out"
            )
    return notes


def _present(
    columns: Columns, values: NDArray[np.float32], layout: Layout
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """True for rows with a rating (n,), and how many are left out, and why."""
    codes = columns.texts["rating"].codes
    absent = np.isnan(values)
    if not absent.any():
        return np.ones(len(codes), bool), {}
    zero = np.array([_number(str(t)) == 0 for t in columns.texts["rating"].values], bool)
    zero &= absent & (layout.zeros == "missing")
    counts = {
        "rating 0, which stands for not rated": int(zero[codes].sum()),
        f"rating {' or '.join(layout.missing)}, which stands for not rated": int(
            (absent & ~zero)[codes].sum()
        ),
    }
    return ~absent[codes], {why: count for why, count in counts.items() if count}


def _rows(columns: Columns, present: NDArray[np.bool_]) -> Columns:
    """The columns without the rows that have no rating, and without ids that only these have."""
    if present.all():
        return columns
    rows = np.flatnonzero(present)
    texts: dict[str, Texts] = {}
    for role, column in columns.texts.items():
        used, codes = np.unique(column.codes[rows], return_inverse=True)
        values = column.values
        chosen = values[used] if isinstance(values, np.ndarray) else [values[code] for code in used]
        texts[role] = Texts(codes.astype(np.int32), chosen)
    return replace(columns, texts=texts, line_of=lambda row: columns.line_of(int(rows[row])))


def _first(columns: Columns, present: NDArray[np.bool_]) -> tuple[tuple[str, ...], ...]:
    """The first three ratings as the file writes them: user, item, rating, time."""
    shown_rows = []
    for row in np.flatnonzero(present)[:3]:
        fields = [
            str(column.values[column.codes[row]])
            for role in ROLES
            if (column := columns.texts.get(role)) is not None
        ]
        if columns.seconds is not None:
            fields.append(str(columns.seconds[row]))
        shown_rows.append(tuple(fields))
    return tuple(shown_rows)


def _times(
    times: Times | None, present: NDArray[np.bool_]
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    if times is None:
        return None, None
    if present.all():
        return times.seconds, times.order
    return times.seconds[present], times.order[present]
