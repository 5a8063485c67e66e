"""Containers: archives and compressed files; paths that are no ratings file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pytest

from datasets import catalog
from datasets.errors import DataError
from tests.datasets.conftest import Write
from tests.support.ratings import triples, zipped, zstd

ROWS = "1,10,3\n2,20,4\n"


@pytest.mark.parametrize(
    "members", [{"my.csv": ROWS}, {"ml/README": "hello", "ml/ratings.csv": ROWS, "ml/tags.csv": ""}]
)
def test_the_ratings_in_a_zip_are_found(members: dict[str, str], write: Write) -> None:
    path = write(zipped(members), "some.zip")
    assert triples(catalog.load(str(path))) == {(1, 10, 3.0), (2, 20, 4.0)}


@pytest.mark.parametrize(
    "member",
    ["../ratings.csv", "a/../../ratings.csv", "/ratings.csv", "..\\r.csv", "C:\\r.csv", "."],
)
def test_a_member_that_leaves_its_folder_is_refused(member: str, write: Write) -> None:
    path = write(zipped({"ratings.csv": ROWS, member: ROWS}), "some.zip")
    with pytest.raises(DataError, match="is outside the archive's folder"):
        catalog.load(str(path))


def test_a_zip_of_several_files_is_refused(write: Write) -> None:
    path = write(zipped({"a.csv": ROWS, "b.csv": ROWS}), "some.zip")
    with pytest.raises(DataError, match=r"holds 2 files.*Unpack it and name the file"):
        catalog.load(str(path))


PACKED = {
    "ratings.csv.gz": gzip.compress,
    "RATINGS.CSV.GZ": gzip.compress,
    "r.csv.bz2": bz2.compress,
    "r.csv.xz": lzma.compress,
    "r.csv.zst": zstd,
    "packed, and not named so.csv": gzip.compress,
    "unpacked by the browser.csv.gz": bytes,
    "R.ZIP": lambda content: zipped({"ratings.csv": content.decode()}),
}


@pytest.mark.parametrize("name", PACKED)
def test_how_a_file_is_packed_shows_in_its_first_bytes(name: str, write: Write) -> None:
    path = write(PACKED[name](ROWS.encode()), name)
    assert triples(catalog.load(str(path))) == {(1, 10, 3.0), (2, 20, 4.0)}


@pytest.mark.parametrize(
    "beside",
    ["__MACOSX/._my.csv", ".DS_Store", "._my.csv", "data/.DS_Store", "Thumbs.db", "Icon\r"],
)
def test_what_a_system_adds_to_a_zip_is_no_second_file(beside: str, write: Write) -> None:
    path = write(zipped({"my.csv": ROWS, beside: "\0\5\x16\7"}), "some.zip")
    assert triples(catalog.load(str(path))) == {(1, 10, 3.0), (2, 20, 4.0)}


def with_flag(archive: bytes, flag: int) -> bytes:
    """With a flag set in the entry of the first member and in its header."""
    content = bytearray(archive)
    for header, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(header) + at] |= flag
    return bytes(content)


@pytest.mark.parametrize(
    ("pack", "name"), [(gzip.compress, "r.csv.gz"), (bz2.compress, "r.bz2"), (zstd, "r.zst")]
)
def test_what_unpacks_to_far_too_much_is_refused(pack, name: str, write: Write) -> None:
    path = write(pack(ROWS.encode() + b"\n" * (101 << 20)), name)
    with pytest.raises(DataError, match="unpacks to more than 40 times its size"):
        catalog.load(str(path))


def test_a_member_that_unpacks_to_far_too_much_is_refused(write: Write) -> None:
    path = write(zipped({"ratings.csv": ROWS + "\n" * (101 << 20)}), "r.zip")
    with pytest.raises(DataError, match="unpacks to more than 40 times its size"):
        catalog.load(str(path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "a spreadsheet"),
        (zipped({"mimetype": "application/vnd.oasis", "content.xml": ""}), "a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a spreadsheet"),
        (b"SQLite format 3\0" + bytes(600), "a SQLite database"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x80\x05\x95\0\0", "a pickle"),
        (b'{"user": 1, "item": 2, "rating": 3}\n', "is JSON"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"ratings.csv".ljust(257, b"\0") + b"ustar\0", "is a tar archive"),
        (b"\xff\xfeu\0s\0", "is a UTF-16 file"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(
    content: bytes, problem: str, write: Write
) -> None:
    with pytest.raises(DataError, match=problem):
        catalog.load(str(write(content, "ratings.data")))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="is a pipe or device"):
        catalog.load(str(tmp_path / "pipe.csv"))


def damaged_zip() -> bytes:
    content = bytearray(zipped({"ratings.csv": ROWS * 50}))
    content[60] ^= 0xFF  # inside the compressed member, whose CRC then fails
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("some.zip", zipped({"ratings.csv": ROWS * 50})[:-30]),
        ("some.zip", damaged_zip()),
        ("some.csv.gz", gzip.compress(ROWS.encode() * 500)[:-15]),
        ("some.csv.bz2", bz2.compress(ROWS.encode() * 500)[:-15]),
        ("some.csv.bz2", bz2.compress(ROWS.encode() * 500)[:30] + b"damaged" * 9),
        ("some.csv.xz", lzma.compress(ROWS.encode() * 500)[:-15]),
        ("some.csv.xz", lzma.compress(ROWS.encode())[:7] + b"\xff\xff" + b"damaged" * 9),
        ("some.csv.zst", zstd(ROWS.encode() * 500)[:-15]),
        ("some.zip", with_flag(zipped({"ratings.csv": ROWS}), 0x1)),
        ("some.zip", zipped({"ratings.csv": ROWS}).replace(b"PK\1\2", b"PK\1\3")),
    ],
    ids=[
        *("truncated zip", "damaged zip", "truncated gzip", "truncated bz2", "damaged bz2"),
        *("truncated xz", "xz of unknown flags", "truncated zstd", "locked zip", "no directory"),
    ],
)
def test_a_damaged_archive_is_refused(
    name: str, content: bytes, write: Write, cache_folder: Path
) -> None:
    path = write(content, name)
    with pytest.raises(DataError, match=r"truncated|damaged") as raised:
        catalog.load(str(path))
    assert str(raised.value).startswith(str(path))
    assert not list(cache_folder.rglob("*.*"))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder\. Name the ratings file in it"):
        catalog.load(str(tmp_path))
    with pytest.raises(DataError, match=r"neither a dataset of the catalog nor a file"):
        catalog.load(str(tmp_path / "nowhere.csv"))


def test_a_file_that_cannot_be_read_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(ROWS)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        catalog.load(str(path))
