"""Predictions for raw pairs, where that is not seen from the command line."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from bench import machine
from bench.loading import ImplementationError
from bench.predict import predict_pairs


def test_a_library_that_is_not_installed_is_told_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(machine, "version", version)
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    ratings, pairs = tmp_path / "ratings.csv", tmp_path / "pairs.csv"
    ratings.write_text("".join(f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60)))
    pairs.write_text("1,1\n")
    with pytest.raises(ImplementationError, match="make peers"):
        predict_pairs("peer:cornac_mf", str(ratings), pairs, "default", {}, "cpu", 0)
