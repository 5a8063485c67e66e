"""A file is replaced in one step, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from datasets.atomic import replace, replace_all, replacing


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


def full_disk_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Writing half of the file, and then an error, which names no file: as a full disk has it."""
    real = Path.write_bytes

    def write_bytes(path: Path, content: bytes) -> int:
        if name not in path.name:
            return real(path, content)
        real(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_of_several_files_all_are_written_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.md", tmp_path / "b.md"
    replace_all({first: b"old", second: b"old"})
    full_disk_at(monkeypatch, "b.md")
    with pytest.raises(OSError, match="No space left") as raised:
        replace_all({first: b"new", second: b"new"})
    assert raised.value.filename == str(second)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.md": b"old",
        "b.md": b"old",
    }


def test_cleaning_up_does_not_hide_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError) as raised, replacing(tmp_path / "page.md") as new:
        raise PermissionError(errno.EACCES, "Permission denied", str(new))
    assert raised.value.filename == str(tmp_path / "page.md")


def test_long_names_have_new_files_of_their_own(tmp_path: Path) -> None:
    """As long as a file system allows, and different at their ends."""
    names = [f"{'漢' * 83}{end}.md" for end in "ab"]
    replace_all({tmp_path / name: name.encode() for name in names})
    assert {path.name: path.read_bytes().decode() for path in tmp_path.iterdir()} == {
        name: name for name in names
    }


def test_links_that_lead_to_each_other_are_an_error_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "site").symlink_to("site")
    path = tmp_path / "site" / "index.html"
    with pytest.raises(OSError, match="symbolic links") as caught:
        replace(path, b"new")
    assert caught.value.filename == str(path)
