"""A ratings file -> its columns as numbers, and how they were read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import Ids
from datasets.reading.arrow import columns_of_table, open_table
from datasets.reading.dates import times_of
from datasets.reading.dialect import PAIRS, Dialect, find_dialect
from datasets.reading.ids import ids_of
from datasets.reading.layout import AS_DETECTED, ROLES, Layout
from datasets.reading.parsing import Columns, Texts, read_columns
from datasets.reading.report import Reading
from datasets.reading.sources import Source, file_source
from datasets.reading.values import values_of


@dataclass(frozen=True)
class Table:
    """The columns of a ratings file in file order, ids coded by their sorted labels.

    users, items  int32 (n,) positions in user_ids, item_ids
    values        float32 (n,), all finite
    timestamps    int64 (n,) seconds since 1970, or None
    order         int64 (n,), the times at a finer resolution, where the file has one, or None
    reading       how the file was read; None if it was not a file
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
    values = values_of(columns, layout)
    present = ~np.isnan(values.numbers)[columns.texts["rating"].codes]
    if not present.any():
        raise DataError("no row is left", "Check --missing and --zeros", where=columns.where)
    first = _first(columns, present)
    kept = _rows(columns, present)
    times = times_of(kept, layout) if "timestamp" in dialect.columns else None
    users, user_ids, of_users = ids_of(kept, "user")
    items, item_ids, of_items = ids_of(kept, "item")
    ratings = values.numbers[columns.texts["rating"].codes][present]
    reading = Reading(
        rows=len(columns),
        columns=dialect.columns,
        ignored=dialect.ignored,
        delimiter=dialect.delimiter,
        quoting=columns.quoting,
        header=dialect.header,
        date_format=times.format if times else "",
        dropped=values.left_out,
        notes=(
            *(*dialect.notes, *values.notes, *of_users, *of_items),
            *(times.notes if times else ()),
        ),
        first=first,
    )
    seconds, order = (times.seconds, times.finer) if times else (None, None)
    return Table(users, items, ratings, user_ids, item_ids, seconds, order, reading)


class Pairs(NamedTuple):
    """A file of pairs: its users and items as it writes them.

    names   of the two columns in the file's header, "user" and "item" where it has none
    notes   on how it was read
    header  whether it has one
    """

    users: list[str]
    items: list[str]
    names: list[str]
    notes: list[str]
    header: bool


def read_pairs(path: Path, layout: Layout = AS_DETECTED) -> Pairs:
    """Columns are those that a header names, else the first two. Raises DataError as `read`
    does."""
    source = file_source(path)
    asked = {role: name for role, name in layout.columns.items() if role in PAIRS}
    columns, dialect = _columns(source, replace(layout, columns=asked), PAIRS)
    texts = [columns.texts[role] for role in PAIRS]
    for role, column in zip(PAIRS, texts, strict=True):
        blank = np.array([not text.strip() for text in column.written()])
        columns.refuse(role, blank, f"the {role} id is missing")
    users, items = ([written[code] for code in t.codes] for t in texts for written in [t.written()])
    notes = list(dialect.notes)
    if dialect.ignored:
        notes.append(f"columns that are neither user nor item: {', '.join(dialect.ignored)}")
    names = [dialect.columns[role].name if dialect.header else role for role in PAIRS]
    return Pairs(users, items, names, notes, dialect.header)


def written_ids(source: Source, layout: Layout = AS_DETECTED) -> dict[str, list[str]]:
    """The distinct users and items of a ratings file as it writes them, in no order."""
    columns, _ = _columns(source, layout)
    return {role: columns.texts[role].written() for role in PAIRS}


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


def _rows(columns: Columns, present: NDArray[np.bool_]) -> Columns:
    """The columns without the rows that have no rating, and without ids that only these have."""
    if present.all():
        return columns
    rows = np.flatnonzero(present)
    texts: dict[str, Texts] = {}
    for role, column in columns.texts.items():
        used, codes = np.unique(column.codes[rows], return_inverse=True)
        texts[role] = Texts(codes.astype(np.int32), column.values.take(used))
    return replace(
        columns,
        texts=texts,
        whole_times=None if columns.whole_times is None else columns.whole_times[rows],
        microseconds=None if columns.microseconds is None else columns.microseconds[rows],
        line_of=lambda row: columns.line_of(int(rows[row])),
    )


def _first(columns: Columns, present: NDArray[np.bool_]) -> tuple[tuple[str, ...], ...]:
    """The first three ratings as the file writes them: user, item, rating, time."""
    shown_rows = []
    for row in np.flatnonzero(present)[:3]:
        fields = [
            column.of_row(int(row))
            for role in ROLES
            if (column := columns.texts.get(role)) is not None
        ]
        if columns.whole_times is not None:
            fields.append(str(columns.whole_times[row]))
        if columns.microseconds is not None:
            fields.append(str(np.datetime64(int(columns.microseconds[row]), "us")))
        shown_rows.append(tuple(fields))
    return tuple(shown_rows)
