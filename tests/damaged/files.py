"""Ratings files from a seed, in every dialect and container, most of them damaged."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
from pyarrow import feather, parquet

from tests.support.ratings import zipped, zstd

Damage = Callable[[random.Random, bytes], bytes]

HEADERS = (
    *[["user", "item", "rating", "timestamp"]] * 8,
    *(["user", "item", "rating", "timestamp"], ["userId", "movieId", "rating", "title"]),
    *(["userId", "title", "movieId", "rating"], ["", "user", "item", "rating"]),
    *(["account", "song", "plays", "day"], ["user_id:token", "item_id:token", "r:float", "x"]),
    *(["user", "item", "rating", "rating"], ["User-ID", "ISBN", "Book-Rating", "date"]),
)
IDS: tuple[Callable[[random.Random], object], ...] = (
    lambda r: r.randint(1, 30),
    lambda r: r.randint(2**62, 2**64 - 1),
    lambda r: f"{r.randint(1, 30):05}",
    lambda r: f"{r.randint(1, 30)}.0",
    lambda r: r.choice(["ann", "ann ", "bob", "Zoë", "Zoe\u0308", "\u00a0ann", "Lee, B", 'O"N']),
    lambda r: r.choice([7, "007", "7.0", "1e3", 1000]),
)
RATINGS: tuple[Callable[[random.Random], object], ...] = (
    *[lambda r: r.randint(1, 5)] * 6,
    lambda r: r.randint(0, 10),
    lambda r: round(r.uniform(-10, 10), 2),
    lambda r: r.choice([0.5, "3,5", "", "NA", 4]),
    lambda _: 5,
)
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%d")
SPECIAL = (
    *("\0", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u2028", "\u00a0", "\ufeff", "\x1b[2J", "\r"),
    *('"', '""', "'", ",", "\t", "::", ";", "|", "\n\n", " ", "#", "\\", "é", "\U0001f600"),
    *("nan", "inf", "-1", "1e400", "1_0", "0x1F", "now", "12:30", "99", "9" * 30, "9" * 5000),
    *("٣", "½", "+5", "5.", ".5", "--", "null", "None", "True"),
)
PACKS: dict[str, Callable[[bytes], bytes]] = {
    "csv": bytes,
    "csv.gz": gzip.compress,
    "CSV.BZ2": bz2.compress,
    "csv.xz": lzma.compress,
    "csv.zst": zstd,
    "zip": lambda content: zipped({"ratings.csv": content}),
    "mac.zip": lambda content: zipped({"r.csv": content, "__MACOSX/._r.csv": b"\0\5"}),
}


def generated(seed: int) -> tuple[str, bytes]:
    """The name and content of file number `seed`; most are damaged."""
    rng = random.Random(seed)
    rows, header = _rows(rng)
    if rng.random() < 0.06:
        name, content = _table(rng, rows, header)
    else:
        content = _text(rng, rows, header)
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
            content = rng.choice(OF_TEXT)(rng, content)
        pack = rng.choice(["csv"] * 8 + list(PACKS))
        name, content = f"ratings.{pack}", PACKS[pack](content)
    if rng.random() < (0.1 if name == "ratings.csv" else 0.6):
        content = rng.choice(OF_BYTES)(rng, content)
    return name, content


def _rows(rng: random.Random) -> tuple[list[list[object]], list[str]]:
    user, item, rating = rng.choice(IDS), rng.choice(IDS), rng.choice(RATINGS)
    start, form = datetime(2001, 1, 1, tzinfo=UTC), rng.choice([None, *DATES])
    rows: list[list[object]] = []
    for n in range(rng.choice([0, 2, 5, 20, 20, 60, 60])):
        when = start + timedelta(days=rng.randint(0, 3000), hours=rng.randint(0, 23))
        time: object = when.strftime(form) if form else int(when.timestamp())
        row = [user(rng), item(rng), rating(rng), time, rng.choice(["Heat (1995)", 'A "B", C', n])]
        rows.append(row[: rng.choice([3, 4, 4, 4, 5])] if rng.random() < 0.02 else row[:4])
    return rows, rng.choice(HEADERS)


def _text(rng: random.Random, rows: list[list[object]], header: list[str]) -> bytes:
    delimiter = rng.choice([",", ",", ",", "\t", ";", "|", "::", " "])
    lines = [header, *rows] if rng.random() < 0.6 else rows
    newline = rng.choice(["\n", "\n", "\n", "\r\n", "\r"])
    if delimiter == "::" or rng.random() < 0.3:
        text = "".join(delimiter.join(map(str, line)) + newline for line in lines)
    else:
        buffer = io.StringIO()
        quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=newline)
        writer.writerows(lines)
        text = buffer.getvalue()
    codec = rng.choice(["utf-8"] * 8 + ["utf-8-sig", "latin-1", "utf-16", "cp1252"])
    return text.encode(codec, errors="replace")


def _table(rng: random.Random, rows: list[list[object]], header: list[str]) -> tuple[str, bytes]:
    columns = [[str(row[n]) if n < len(row) else "" for row in rows] for n in range(4)]
    names = [name or f"column {n}" for n, name in enumerate(header)]
    frame = pd.DataFrame(
        {f"{name}{'.' * names[:n].count(name)}": columns[n] for n, name in enumerate(names)}
    )
    if rng.random() < 0.7:
        for name in frame.columns:
            numbers = pd.to_numeric(frame[name], errors="coerce")
            if not numbers.isna().any() or rng.random() < 0.2:
                frame[name] = numbers
    sink = pa.BufferOutputStream()
    if rng.random() < 0.5:
        parquet.write_table(pa.Table.from_pandas(frame), sink)
        return "ratings.parquet", sink.getvalue().to_pybytes()
    feather.write_feather(frame, sink, compression="uncompressed")
    return "ratings.feather", sink.getvalue().to_pybytes()


def _place(rng: random.Random, content: bytes) -> int:
    return rng.randint(0, len(content))


def _put(rng: random.Random, content: bytes, new: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + new + content[at + rng.choice([0, 0, 1, 3]) :]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    one, other = sorted((_place(rng, content), _place(rng, content)))
    return content[:other] + content[one:other] * rng.choice([1, 1, 20]) + content[other:]


def _cut(rng: random.Random, content: bytes) -> bytes:
    one, other = sorted((_place(rng, content), _place(rng, content)))
    return content[:one] + content[other:] if rng.random() < 0.5 else content[:other]


def _lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def _special(rng: random.Random, content: bytes) -> bytes:
    return _put(rng, content, rng.choice(SPECIAL).encode())


def _everywhere(rng: random.Random, content: bytes) -> bytes:
    old, new = rng.choice([b",", b"\n", b"1", b"5", b'"', b"\t"]), rng.choice(SPECIAL).encode()
    return content.replace(old, new, rng.choice([1, 3, -1]))


def _long(rng: random.Random, content: bytes) -> bytes:
    unit = rng.choice([b"9", b"x", b" ", b'"', b",", b'",', b"\n", b"1,2,3\n", b"\xc3\xa9", b"::"])
    return _put(rng, content, unit * rng.choice([300, 5_000, 200_000, 2_000_000]))


def _noise(rng: random.Random, content: bytes) -> bytes:
    return _put(rng, content, rng.randbytes(rng.choice([1, 4, 50])))


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 20]) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


OF_TEXT: tuple[Damage, ...] = (
    *(_special, _special, _special, _everywhere, _repeat, _cut, _lines, _noise),
    *(_flip, lambda rng, content: _long(rng, content) if rng.random() < 0.1 else content),
)
OF_BYTES: tuple[Damage, ...] = (_flip, _flip, _cut, _repeat, _noise)
