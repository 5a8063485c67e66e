"""A file is replaced in one step, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.atomic import replace, replacing


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "page.md"
    replace(path, b"old")
    path.chmod(0o640)
    replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in path.parent.iterdir()] == ["page.md"]


def test_equal_content_leaves_the_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    replace(path, b"same")
    before = path.stat()
    replace(path, b"same")
    assert path.stat().st_ino == before.st_ino


def test_an_error_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="disk"), replacing(path) as new:
        new.write_bytes(b"half")
        raise OSError("disk full")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
