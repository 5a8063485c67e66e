"""The tests of this folder run on one thread, as the conformance suite does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.conformance.subject import one_thread


def pytest_itemcollected(item: pytest.Item) -> None:
    """The installed suite has no markers, which the repository that inherits it may not know."""
    if item.name == "test_cpu_and_cuda_agree":
        item.add_marker("cuda")


@pytest.fixture(autouse=True, scope="module")
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield
