"""Predictions for raw pairs, where that is not seen from the command line."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from bench.commands.predict import predict
from bench.planning import availability
from bench.planning.loading import ImplementationError
from datasets.reading.layout import AS_DETECTED


@pytest.mark.parametrize(
    ("row", "message"), [("peer:cornac_mf", "make peers"), ("triton_sgd", "CUDA only")]
)
def test_a_row_that_cannot_run_gets_the_reason(
    row: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(availability, "version", version)
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    ratings, pairs = tmp_path / "ratings.csv", tmp_path / "pairs.csv"
    ratings.write_text("".join(f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60)))
    pairs.write_text("1,1\n")
    with pytest.raises(ImplementationError, match=message):
        predict(row, str(ratings), AS_DETECTED, pairs, "default", [], "cpu", 0, None)
