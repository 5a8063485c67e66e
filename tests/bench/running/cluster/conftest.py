"""What serves all tests of the folder that leave it as it is: a scheduler, and another one with two
workers that only run cells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clusters import processes


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. Each worker is a machine of its own."""
    pytest.importorskip("distributed")
    with processes(tmp_path_factory.mktemp("cluster")) as started:
        _, uri = started.scheduler()
        for name in ("one", "two"):
            started.worker(uri, name)
        yield uri


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a scheduler without workers: a test ends those that it starts there."""
    pytest.importorskip("distributed")
    with processes(tmp_path_factory.mktemp("scheduler")) as started:
        yield started.scheduler()[1]
