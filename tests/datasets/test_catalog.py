"""Where a named dataset is searched, and the error when it is not found."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from datasets import catalog, entries
from datasets.errors import DataError, NotAvailable
from tests.support.ratings import change_entry, triples, zipped

ROWS = "userId,movieId,rating,timestamp\n1,10,3.5,5\n2,20,4,6\n2,10,1,7\n"
EXPECTED = {(1, 10, 3.5), (2, 20, 4.0), (2, 10, 1.0)}
ARCHIVE = zipped({"ml-25m/README.txt": "about", "ml-25m/ratings.csv": ROWS})
SHA256 = f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}"
OTHER = f"md5:{'0' * 32}"


@pytest.fixture(autouse=True)
def nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port without a server, so that no test uses the network."""
    monkeypatch.setattr(entries, "GROUPLENS", "http://127.0.0.1:9/")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands in for GroupLens' site."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(entries, "GROUPLENS", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("ml-25m/ratings.csv", ROWS),
        ("ml-25m/ml-25m/ratings.csv", ROWS),
        ("ml-25m/ratings.dat", ROWS.partition("\n")[2].replace(",", "::")),
        ("ml-25m/u.data", ROWS.partition("\n")[2].replace(",", "\t")),
        ("ml-25m/ml-25m.zip", ARCHIVE),
        ("ml-25m.zip", ARCHIVE),
    ],
)
def test_the_data_folder_comes_first(
    place: str, content: str | bytes, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=SHA256)
    path = data_folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert catalog.find("ml-25m") == "$RATEBENCH_DATA"
    data = catalog.load("ml-25m")
    assert triples(data) == EXPECTED
    assert data.ratings.scale == (0.5, 5.0)
    assert data.name == "ml-25m"


def test_ml_10m_lies_in_a_folder_of_another_name(data_folder: Path) -> None:
    (data_folder / "ml-10M100K").mkdir()
    (data_folder / "ml-10M100K" / "ratings.dat").write_text("1::2::3.5::9\n2::3::4::9\n")
    assert catalog.find("ml-10m") == "$RATEBENCH_DATA"
    assert len(catalog.load("ml-10m").ratings) == 2


def test_a_provided_archive_with_a_wrong_checksum_is_refused(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=OTHER)
    (data_folder / "ml-25m.zip").write_bytes(ARCHIVE)
    with pytest.raises(DataError, match=r"md5 is not 0{32}.*fetch it again"):
        catalog.load("ml-25m")


def test_other_ratings_under_a_known_name_are_refused(data_folder: Path) -> None:
    (data_folder / "ml-1m").mkdir()
    (data_folder / "ml-1m" / "ratings.dat").write_text("1::2::3\n2::3::4\n")
    with pytest.raises(DataError, match=r"not the ratings of ml-1m: fingerprint .* d095e39bb059"):
        catalog.load("ml-1m")


def test_ratings_outside_the_scale_of_the_set_are_refused(data_folder: Path) -> None:
    (data_folder / "ml-25m").mkdir()
    (data_folder / "ml-25m" / "ratings.csv").write_text("1,2,3\n2,3,40\n")
    with pytest.raises(DataError, match=r"ratings 3 to 40; ml-25m has 0.5 to 5"):
        catalog.load("ml-25m")


def test_download_once(served: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=SHA256)
    (served / "ml-25m.zip").write_bytes(ARCHIVE)
    assert catalog.find("ml-25m") is None
    assert triples(catalog.load("ml-25m")) == EXPECTED
    assert catalog.find("ml-25m") == "cache"
    (served / "ml-25m.zip").unlink()
    assert triples(catalog.load("ml-25m", download=False)) == EXPECTED
    shutil.rmtree(cache_folder / "columns")
    assert triples(catalog.load("ml-25m")) == EXPECTED


def test_a_cached_archive_is_not_hashed_at_each_load(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=SHA256)
    (served / "ml-25m.zip").write_bytes(ARCHIVE)
    catalog.load("ml-25m")
    monkeypatch.setattr(catalog, "fetch", None)
    assert triples(catalog.load("ml-25m")) == EXPECTED


def test_a_set_that_changes_has_no_checksum(served: Path) -> None:
    (served / "ml-latest-small.zip").write_bytes(zipped({"ml-latest-small/ratings.csv": ROWS}))
    assert triples(catalog.load("ml-latest-small")) == EXPECTED


def test_a_download_with_a_wrong_checksum_leaves_nothing(
    served: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=OTHER)
    (served / "ml-25m.zip").write_bytes(ARCHIVE)
    with pytest.raises(DataError, match="does not match the known hash") as raised:
        catalog.load("ml-25m")
    assert not isinstance(raised.value, NotAvailable), "a bad file must not pass for a missing one"
    assert not [path for path in cache_folder.rglob("*") if path.is_file()]


def test_a_damaged_download_is_fetched_again(
    served: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=SHA256)
    (served / "ml-25m.zip").write_bytes(ARCHIVE)
    (cache_folder / "downloads").mkdir(parents=True)
    (cache_folder / "downloads" / "ml-25m.zip").write_bytes(ARCHIVE[:-50])
    assert triples(catalog.load("ml-25m")) == EXPECTED


def test_download_without_a_cache_that_can_be_written(
    served: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_entry(monkeypatch, "ml-25m", checksum=SHA256)
    (served / "ml-25m.zip").write_bytes(ARCHIVE)
    cache_folder.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="cannot be stored in the cache"):
        assert triples(catalog.load("ml-25m")) == EXPECTED


@pytest.mark.parametrize("name", ["ml-100k", "ml-100k-implicit", "ml-10m", "ml-latest-small"])
@pytest.mark.parametrize("download", [True, False])
def test_a_set_that_is_nowhere_says_how_to_provide_it(
    name: str, download: bool, data_folder: Path
) -> None:
    with pytest.raises(NotAvailable) as raised:
        catalog.load(name, download=download)
    message = str(raised.value)
    source = name.removesuffix("-implicit")
    assert f"{source} is neither in RATEBENCH_DATA ({data_folder}) nor in the cache" in message
    assert f"put {source}.zip, or its contents, into its subfolder {source}/" in message
    assert ("127.0.0.1" in message) == download


def test_a_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(
        DataError, match=r"Did you mean ml-100k\? .* one of ml-100k, ml-1m"
    ) as raised:
        catalog.load("ml100k")
    assert not isinstance(raised.value, NotAvailable)


def test_synthetic_sets_are_found_once_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalog.find("synthetic-100k") is None
    first = catalog.load("synthetic-100k")
    assert catalog.find("synthetic-100k") == "cache"
    monkeypatch.setattr(catalog.synthetic, "generate", None)
    again = catalog.load("synthetic-100k")
    assert again.fingerprint == first.fingerprint
    assert again.floor == first.floor is not None


def test_entries() -> None:
    assert list(catalog.CATALOG)[:6] == [
        *("ml-100k", "ml-1m", "ml-10m", "ml-25m", "ml-latest-small", "ml-100k-implicit")
    ]
    assert tuple(entries.CATALOG["ml-100k"].goals) == (0.946, 0.937, 0.915, 0.900)
    assert tuple(entries.CATALOG["ml-1m"].goals) == (0.909, 0.873, 0.860, 0.845)
    for name, entry in catalog.CATALOG.items():
        assert entry.name == name
        assert entry.description
        assert bool(entry.url) == bool(entry.archive) == bool(entry.member)
        assert list(entry.goals) == sorted(entry.goals, reverse=True)
