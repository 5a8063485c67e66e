"""Containers: archives and compressed files; paths that are no ratings file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from datasets import catalog
from datasets.errors import DataError
from tests.datasets.conftest import Write
from tests.support.ratings import triples, zipped

ROWS = "1,10,3\n2,20,4\n"


@pytest.mark.parametrize(
    "members", [{"my.csv": ROWS}, {"ml/README": "hello", "ml/ratings.csv": ROWS, "ml/tags.csv": ""}]
)
def test_the_ratings_in_a_zip_are_found(members: dict[str, str], write: Write) -> None:
    path = write(zipped(members), "some.zip")
    assert triples(catalog.load(str(path))) == {(1, 10, 3.0), (2, 20, 4.0)}


@pytest.mark.parametrize(
    "member", ["../ratings.csv", "a/../../ratings.csv", "/ratings.csv", "..\\r.csv", "C:\\r.csv"]
)
def test_a_member_that_leaves_its_folder_is_refused(member: str, write: Write) -> None:
    path = write(zipped({"ratings.csv": ROWS, member: ROWS}), "some.zip")
    with pytest.raises(DataError, match="is outside the archive's folder"):
        catalog.load(str(path))


def test_a_zip_of_several_files_is_refused(write: Write) -> None:
    path = write(zipped({"a.csv": ROWS, "b.csv": ROWS}), "some.zip")
    with pytest.raises(DataError, match=r"holds 2 files.*Unpack it and name the file"):
        catalog.load(str(path))


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
        ("some.csv.gz", ROWS.encode()),
    ],
    ids=["truncated zip", "damaged zip", "truncated gzip", "no gzip"],
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
