"""Two runs on a cluster never write to one store."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.commands.terminal import UsageError
from bench.running.cluster.sole import sole_run
from bench.store import RecordStore


def test_a_second_run_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.folder.mkdir()
    with (
        sole_run(store),
        pytest.raises(UsageError, match="another run on a cluster writes to"),
        sole_run(store),
    ):
        raise AssertionError("two at once")
    with sole_run(store):
        pass
