"""Files that a machine gets because it does not have their contents."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.running.cluster import copies
from bench.running.cluster.payload import File


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(copies, "PIECE", 4)


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    path = tmp_path / "client" / "ratings.csv"
    path.parent.mkdir()
    path.write_text("0123456789", encoding="utf-8")
    return path


def send(path: Path, file: File) -> None:
    offset = 0
    for piece in copies.pieces(str(path)):
        copies.put(file, offset, piece)
        offset += len(piece)


def moved(path: Path) -> File:
    """The file, which is at no place that the machine knows."""
    file = copies.described(str(path))
    assert file is not None
    return file


def test_names_of_the_catalog_are_no_files(tmp_path: Path) -> None:
    assert copies.described("ml-100k") is None
    assert copies.described("") is None
    assert copies.described(str(tmp_path)) is None


def test_a_file_arrives_in_pieces(ratings: Path) -> None:
    file = moved(ratings)
    assert copies.found("elsewhere/ratings.csv", file) is None
    send(ratings, file)
    place = copies.found("elsewhere/ratings.csv", file)
    assert place is not None
    assert place.read_text(encoding="utf-8") == "0123456789"
    assert place.name == "ratings.csv"
    assert [each.name for each in place.parent.iterdir()] == ["ratings.csv"]


def test_a_file_with_a_name_of_full_length_arrives(tmp_path: Path) -> None:
    path = tmp_path / f"{'r' * 251}.csv"
    path.write_text("0123456789", encoding="utf-8")
    file = moved(path)
    path.unlink()
    for offset, piece in ((0, b"01234"), (5, b"56789")):
        copies.put(file, offset, piece)
    assert copies.found(str(path), file) == copies.folder() / file.digest[:16] / path.name


def test_half_a_file_is_none(ratings: Path) -> None:
    file = moved(ratings)
    copies.put(file, 0, b"0123")
    assert copies.found("elsewhere", file) is None


def test_a_file_at_the_same_place_need_not_be_sent(ratings: Path) -> None:
    assert copies.found(str(ratings), moved(ratings)) == ratings


def test_another_file_at_the_same_place_is_not_taken_for_it(ratings: Path) -> None:
    file = moved(ratings)
    ratings.write_text("9876543210", encoding="utf-8")
    assert copies.found(str(ratings), file) is None


def test_a_file_that_changes_while_it_is_sent_is_refused(ratings: Path) -> None:
    file = moved(ratings)
    ratings.write_text("9876543210", encoding="utf-8")
    with pytest.raises(ValueError, match=r"ratings\.csv changed while it was sent"):
        send(ratings, file)
    assert copies.found("elsewhere", file) is None


def test_a_damaged_copy_is_sent_again(ratings: Path) -> None:
    file = moved(ratings)
    send(ratings, file)
    place = copies.found("elsewhere", file)
    assert place is not None
    place.write_text("0123456780", encoding="utf-8")
    assert copies.found("elsewhere", file) is None
    send(ratings, file)
    assert copies.found("elsewhere", file) == place


def test_a_name_with_folders_stays_in_its_own(ratings: Path) -> None:
    file = moved(ratings).model_copy(update={"name": "../../ratings.csv"})
    send(ratings, file)
    place = copies.found("elsewhere", file)
    assert place is not None
    assert place.parent.parent == copies.folder()
