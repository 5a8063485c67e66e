"""What is stored of compilers, and that no link of a row's is followed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cell.sandbox import compiled
from bench.cell.sandbox.compiled import Compiled


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    return Compiled("row.py:Row", "cpu", "1")


def test_what_was_stored_is_laid_out_with_its_times(stored: Compiled, tmp_path: Path) -> None:
    kernel = tmp_path / "first" / "numba" / "kernel"
    kernel.parent.mkdir(parents=True)
    kernel.write_text("code")
    os.utime(kernel, (1, 1))
    stored.want()
    assert stored.is_wanted
    stored.store(kernel.parents[1])
    assert not stored.is_wanted
    stored.lay_out(tmp_path / "second")
    assert compiled.state(tmp_path / "second") == compiled.state(tmp_path / "first")
    assert (tmp_path / "second" / "numba" / "kernel").read_text() == "code"


def test_what_is_added_or_changed_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_text("code")
    before = compiled.state(tmp_path)
    os.utime(tmp_path / "kernel", (1, 1))
    assert compiled.state(tmp_path) != before
    before = compiled.state(tmp_path)
    (tmp_path / "another").write_text("code")
    assert compiled.state(tmp_path) != before


def test_links_are_not_followed(stored: Compiled, tmp_path: Path) -> None:
    (tmp_path / "ratings").mkdir()
    (tmp_path / "ratings" / "u.data").write_text("1,1,5")
    place = tmp_path / "place"
    place.mkdir()
    (place / "folder").symlink_to(tmp_path / "ratings")
    (place / "file").symlink_to(tmp_path / "ratings" / "u.data")
    os.mkfifo(place / "pipe")
    stored.store(place)
    assert [*stored.folder.iterdir()] == []


def test_rows_do_not_share(stored: Compiled) -> None:
    others = [Compiled("row.py:Other", "cpu", "1"), Compiled("row.py:Row", "cuda", "1")]
    assert len({each.folder for each in [stored, *others]}) == 3


def test_another_source_replaces_what_was_stored(stored: Compiled, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "kernel").write_text("code")
    stored.store(tmp_path / "old")
    changed = replace(stored, source="2")
    changed.lay_out(tmp_path / "place")
    assert not compiled.state(tmp_path / "place")
    changed.store(tmp_path / "old")
    assert changed.folder.is_dir()
    assert not stored.folder.exists()


def test_a_cache_folder_that_cannot_be_written_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "file"))
    stored = Compiled("row.py:Row", "cpu", "1")
    stored.want()
    stored.store(tmp_path)
    stored.lay_out(tmp_path / "place")
    assert not stored.is_wanted
