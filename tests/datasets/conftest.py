"""Each test has its own cache folder, and no data folder unless it requests one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = os.environ.get("RATEBENCH_DATA")

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RATEBENCH_DATA", raising=False)
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that RATEBENCH_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("RATEBENCH_DATA", str(folder))
    return folder


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with MovieLens in it; skips where there is none."""
    if not DATA or not (Path(DATA) / "ml-100k" / "u.data").is_file():
        pytest.skip("RATEBENCH_DATA names no folder with ml-100k")
    monkeypatch.setenv("RATEBENCH_DATA", DATA)
    return Path(DATA)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write text or bytes to a file in the test's folder."""

    def write_file(content: str | bytes, name: str = "ratings.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file
