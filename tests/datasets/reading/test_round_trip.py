"""The same ratings in any container, dialect, quoting, encoding and date format read alike."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from datasets import catalog
from datasets.frames import from_arrays, from_frame
from datasets.ratings import Dataset
from datasets.reading.layout import Layout
from tests.support.ratings import triples, zipped

Row = tuple[object, object, float, int]

TEXT = st.text("abcé名_:,;|\"' 0.9\t", min_size=1, max_size=8).map(
    lambda text: f"id{text}".strip().rstrip("\t ")
)
NUMBERS = st.one_of(st.integers(0, 99), st.integers(0, 2**64 - 1))
DAYS = st.integers(0, 20_000).map(lambda day: day * 86_400)


@st.composite
def ratings(draw: st.DrawFn) -> list[Row]:
    """Rows of distinct pairs, of at least two users, items and values."""
    users, items = (draw(st.sampled_from([TEXT, NUMBERS])) for _ in range(2))
    pairs = draw(
        st.lists(st.tuples(users, items), min_size=4, max_size=12, unique=True).filter(
            lambda pairs: len({u for u, _ in pairs}) > 1 and len({i for _, i in pairs}) > 1
        )
    )
    values = draw(
        st.lists(
            st.sampled_from([-1.5, 0.5, 1.0, 3.25]), min_size=len(pairs), max_size=len(pairs)
        ).filter(lambda values: len(set(values)) > 1)
    )
    # One day after the 12th, so that day-first and month-first dates cannot be confused.
    days = [30 * 86_400, *(draw(DAYS) for _ in pairs[1:])]
    return [(u, i, v, t) for (u, i), v, t in zip(pairs, values, days, strict=True)]


def expected(rows: list[Row]) -> set[tuple[object, object, float]]:
    return {(user, item, value) for user, item, value, _ in rows}


DATES: list[Callable[[int], str]] = [
    str,
    lambda t: f"{t}.0",
    *(
        lambda t, form=form: datetime.fromtimestamp(t, UTC).strftime(form)  # type: ignore[misc]
        for form in (
            *("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M"),
            *("%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%m %d, %Y", "%Y%m%d"),
        )
    ),
]
PACK: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("r.csv", bytes),
    ("r.GZ", gzip.compress),
    ("r.bz2", bz2.compress),
    ("r.xz", lzma.compress),
    ("r.zip", lambda content: zipped({"r.csv": content.decode(), "__MACOSX/._r.csv": "x"})),
]


def written(rows: list[Row], delimiter: str, header: bool, quoting: int, date: int) -> str:
    """As csv writes them; the delimiter `::` quotes nothing."""
    lines: list[list[object]] = [[u, i, v, DATES[date](t)] for u, i, v, t in rows]
    if header:
        lines.insert(0, ["user", "item", "rating", "timestamp"])
    if delimiter == "::":
        return "".join("::".join(map(str, line)) + "\n" for line in lines)
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(lines)  # type: ignore[arg-type]
    return text.getvalue()


def loaded(content: bytes, name: str, layout: Layout) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return catalog.load(str(path), layout)


@settings(max_examples=300, deadline=None)
@given(
    ratings(),
    st.sampled_from([",", ";", "\t", "|", "::"]),
    st.booleans(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(range(len(DATES))),
    st.sampled_from(PACK),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_what_is_written_as_text_reads_back(
    rows, delimiter, header, quoting, date, pack, newline, encoding
) -> None:
    if delimiter == "::":  # which has no way to write an id that holds it
        rows = [
            (
                str(u).replace(":", ".") if isinstance(u, str) else u,
                str(i).replace(":", ".") if isinstance(i, str) else i,
                v,
                t,
            )
            for u, i, v, t in rows
        ]
        if len({(u, i) for u, i, _, _ in rows}) < len(rows):
            return
    text = written(rows, delimiter, header, quoting, date)
    name, compress = pack
    content = compress(text.replace("\n", newline).encode(encoding))
    # Without a header, users that ascend may be an index.
    columns = {} if header else {"user": "1", "item": "2", "rating": "3", "timestamp": "4"}
    data = loaded(content, name, Layout(columns, delimiter=delimiter))
    assert triples(data) == expected(rows)
    assert data.timestamps is not None
    assert sorted(data.timestamps.tolist()) == sorted(t for *_, t in rows)
    assert data.fingerprint == in_memory(rows).fingerprint


@settings(max_examples=100, deadline=None)
@given(ratings(), st.sampled_from(["parquet", "feather", "frame", "zstd"]))
def test_what_is_written_as_a_table_reads_back(rows, kind) -> None:
    users, items, values, times = (list(column) for column in zip(*rows, strict=True))
    columns = {"user": array(users), "item": array(items), "rating": values, "timestamp": times}
    if kind == "frame":
        data = from_frame(pd.DataFrame(columns), timestamp="timestamp")
    else:
        sink = pa.BufferOutputStream()
        if kind == "feather":
            feather.write_feather(pa.table(columns), sink)
        else:
            compression = "zstd" if kind == "zstd" else "snappy"
            parquet.write_table(pa.table(columns), sink, compression=compression)
        data = loaded(sink.getvalue().to_pybytes(), f"r.{kind}", Layout())
    assert triples(data) == expected(rows)
    assert data.fingerprint == in_memory(rows).fingerprint
    assert data.timestamps is not None
    assert sorted(data.timestamps.tolist()) == sorted(times)


def array(ids: list[object]) -> np.ndarray:
    """Numbers in the narrowest type that a file's reader would have."""
    if isinstance(ids[0], str):
        return np.array(ids, dtype=object)
    return np.array(ids, dtype=np.uint64)


def in_memory(rows: list[Row]) -> Dataset:
    users, items, values, _ = zip(*rows, strict=True)
    return from_arrays(array(list(users)), array(list(items)), np.array(values))
