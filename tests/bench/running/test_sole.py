"""What a run on a cluster decides as it begins stays true while it writes to its store."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from bench.commands.terminal import UsageError
from bench.running.sole import NAME, shared_run, sole_run
from bench.store import RecordStore
from tests.support.command_line import Bench


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    (tmp_path / "records").mkdir()
    return RecordStore(tmp_path)


def test_a_run_on_a_cluster_is_alone_until_it_ends(store: RecordStore) -> None:
    with sole_run(store):
        with pytest.raises(UsageError, match="another run writes to"), sole_run(store):
            raise AssertionError("two at once")
        with pytest.raises(UsageError, match="a run on a cluster writes to"), shared_run(store):
            raise AssertionError("two at once")
    with shared_run(store):
        pass


def test_runs_on_one_machine_share_a_store_that_no_cluster_gets(store: RecordStore) -> None:
    with (
        shared_run(store),
        shared_run(store),
        pytest.raises(UsageError, match="another run writes to"),
        sole_run(store),
    ):
        raise AssertionError("two at once")
    with sole_run(store):
        pass


def test_a_store_that_cannot_be_locked_is_named(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(UsageError, match="No locks available; give --out"), shared_run(store):
        pass
    monkeypatch.undo()
    (store.folder / NAME).unlink()
    (store.folder / NAME).mkdir()
    with pytest.raises(UsageError, match="cannot be locked: Is a directory"), sole_run(store):
        pass


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("", ("run", "--dataset", "ratings.csv", "--impl", "global_mean")),
        ("tuning", ("tune", "--dataset", "ratings.csv", "numba_sgd")),
        ("choose/ratings", ("choose", "ratings.csv", "--minutes", "0.1", "--impl", "bias")),
    ],
)
def test_no_command_writes_beside_a_run_on_a_cluster(
    bench: Bench, ratings: Path, tmp_path: Path, folder: str, words: tuple[str, ...]
) -> None:
    store = RecordStore(tmp_path / "out" / folder)
    with sole_run(store):
        ran = bench(*words, "--out", "out")
    assert ran.returncode == 2, ran.stderr
    assert (
        f"error: a run on a cluster writes to {Path('out', folder, 'records')}: wait" in ran.stderr
    )
    assert store.read() == ([], [])
