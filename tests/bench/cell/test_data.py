"""Splits as workers get them: one per seed, gone when they are no longer needed."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest

from bench.cell.data import Splits
from bench.cell.job import StorageError
from bench.planning.facts import Loader
from datasets import catalog
from datasets.errors import DataError
from datasets.ratings import Dataset
from datasets.reading.layout import AS_DETECTED, Layout
from tests.support.ratings import dataset

NAMED = ("ml-100k", "ml-1m", "ml-100k")


@pytest.fixture
def ratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "ratings.csv"
    rows = (f"{n % 20},{n // 20},{n % 5 + 1}" for n in range(200))
    path.write_text("\n".join(rows) + "\n0,0,5\n")
    return str(path)


def test_each_seed_has_its_own_split_and_keeps_it_while_it_runs(ratings: str) -> None:
    splits = Splits()
    first = splits.prepare(ratings, "random:80/10/10", 0)
    assert splits.prepare(ratings, "random:80/10/10", 0) is first
    train = np.fromfile(Path(first.folder.name) / "train.users", np.int32)
    second = splits.prepare(ratings, "random:80/10/10", 1)
    assert not Path(first.folder.name).exists()
    assert not np.array_equal(
        train, np.fromfile(Path(second.folder.name) / "train.users", np.int32)
    )
    splits.discard()
    assert not Path(second.folder.name).exists()


def test_a_split_for_which_there_is_no_room_is_not_half_trained_on(
    ratings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = Splits()
    splits.loader.load(ratings)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = {*tmp_path.iterdir()}
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, most))
    try:
        with pytest.raises(
            StorageError,
            match=r"cannot write to .*: File too large; raise the limit",
        ):
            splits.prepare(ratings, "random:80/10/10", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert {*tmp_path.iterdir()} == before


def test_blind_splits_hold_no_test_rating(ratings: str) -> None:
    seeing = Splits().prepare(ratings, "random:80/10/10", 0)
    blind = Splits(blind=True).prepare(ratings, "random:80/10/10", 0)
    assert (len(seeing.test), len(blind.test)) == (20, 0)
    assert (len(seeing.slicings), len(blind.slicings)) == (1, 0)
    assert blind.n_users == seeing.n_users


def test_facts_count_what_is_rated_again(ratings: str) -> None:
    data = Loader().facts(ratings, "a note").data
    assert (data.n_users, data.n_items, data.n_ratings) == (20, 10, 200)
    assert (data.duplicates, data.note) == (1, "a note")


def test_a_split_that_will_not_do_is_found_early(ratings: str) -> None:
    Loader().check_split(ratings, "random:80/20")
    with pytest.raises(DataError, match="timestamps"):
        Loader().check_split(ratings, "leave-last")


def test_a_split_that_goes_by_a_test_file_has_its_digest(ratings: str, tmp_path: Path) -> None:
    test, digests = tmp_path / "test.csv", []
    rows = Path(ratings).read_text().splitlines(keepends=True)[:200]
    for row in rows[3:5]:
        Path(ratings).write_text("".join(each for each in rows if each != row))
        test.write_text(row)
        loader = Loader(test=str(test))
        data = loader.facts(ratings).data
        assert (data.n_ratings, data.test, data.split_digest) == (200, str(test), "")
        digests.append(loader.check_split(ratings, "given"))
        assert len(Splits(loader).prepare(ratings, "given", 0).test) == 1
    assert "" != digests[0] != digests[1]
    assert Loader().check_split(ratings, "random:80/20") == ""


def test_a_loader_keeps_two_datasets_and_reads_files_alone_by_its_layout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[tuple[str, Layout]] = []

    def load(name: str, layout: Layout) -> Dataset:
        loaded.append((name, layout))
        return dataset()

    monkeypatch.setattr(catalog, "load", load)
    given = Layout(delimiter=";")
    loader = Loader(given)
    for name in ("a.csv", "ml-100k", "a.csv", "ml-1m", "a.csv", "ml-100k"):
        loader.load(name)
    assert loaded == [("a.csv", given), *((name, AS_DETECTED) for name in NAMED)]
    assert loader.facts("a.csv").data.options == {"delimiter": "semicolon"}
    assert loader.facts("ml-100k").data.options == {}


def test_facts_have_the_period_where_there_are_times(monkeypatch: pytest.MonkeyPatch) -> None:
    small = dataset()
    monkeypatch.setattr(catalog, "load", lambda *_: small)
    assert Loader().facts("a.csv").times == (small.timestamps.min(), small.timestamps.max())
