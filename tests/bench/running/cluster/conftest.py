"""A scheduler and two workers that serve all tests of the folder which only run cells."""

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
