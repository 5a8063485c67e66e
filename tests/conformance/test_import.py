"""The suite is one public name, and its import says what is missing."""

from __future__ import annotations

import importlib
import sys

import pytest

import bench.conformance


def test_conformance_is_the_one_public_name() -> None:
    assert bench.conformance.__all__ == ["Conformance"]


def test_without_pytest_the_import_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    monkeypatch.delitem(sys.modules, "bench.conformance")
    with pytest.raises(ImportError, match=r"^bench.conformance needs pytest: `pip"):
        importlib.import_module("bench.conformance")
