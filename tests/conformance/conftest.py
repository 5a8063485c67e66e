"""The tests of this folder run on one thread, as the conformance suite does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.conformance.subject import one_thread


@pytest.fixture(autouse=True, scope="package")
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield
