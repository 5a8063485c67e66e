"""What a run on a cluster decides as it begins stays true while it writes to its store."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from bench.commands.terminal import UsageError
from bench.running.sole import NAME, shared_run, sole_run
from bench.store import RecordStore


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
