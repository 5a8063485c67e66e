"""The columnar cache: fast; a file in it is whole or not there; failures cost time alone."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets import cache, catalog
from tests.datasets.conftest import Write
from tests.support.ratings import dataset, triples

ROWS = "1,10,3,5\n2,20,4,6\n1,10,2,7\n"


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def refuse_to_parse(*_: object) -> None:
    raise AssertionError("parsed again")


def test_a_dataset_comes_back_as_it_was() -> None:
    folds = {"u1": np.arange(60) < 20}
    data = dataset()
    full = type(data)(**{**vars(data), "floor": 0.5, "duplicates": 3, "folds": folds})
    cache.store(full, ["here", 1])
    back = cache.load("small", ["here", 1])
    assert back is not None
    assert triples(back) == triples(full)
    assert (back.fingerprint, back.floor, back.duplicates) == (full.fingerprint, 0.5, 3)
    assert back.ratings.scale == full.ratings.scale
    assert np.array_equal(back.timestamps, full.timestamps)
    assert np.array_equal(back.folds["u1"], folds["u1"])
    assert not back.ratings.values.flags.writeable


def test_a_file_is_parsed_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(ROWS)
    first = catalog.load(str(path))
    monkeypatch.setattr(catalog, "read", refuse_to_parse)
    second = catalog.load(str(path))
    assert triples(second) == triples(first)
    assert second.duplicates == 1


def test_a_changed_file_is_parsed_again(write: Write, cache_folder: Path) -> None:
    path = write(ROWS)
    catalog.load(str(path))
    write(ROWS + "3,30,5,1\n")
    assert len(catalog.load(str(path)).ratings) == 3
    assert len(stored(cache_folder)) == 1


def test_another_format_is_parsed_again(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(ROWS)
    catalog.load(str(path))
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    monkeypatch.setattr(catalog, "read", refuse_to_parse)
    with pytest.raises(AssertionError, match="parsed again"):
        catalog.load(str(path))


def changed(content: bytes, **arrays: object) -> bytes:
    """With other arrays, and checksums that are right."""
    with np.load(io.BytesIO(content)) as stored:
        columns = {name: stored[name] for name in stored.files}
    new = io.BytesIO()
    np.savez(new, **{**columns, **arrays})
    return new.getvalue()


def of_objects(content: bytes) -> bytes:
    new = io.BytesIO()
    np.savez(new, about=np.array({"format": 3}, dtype=object), allow_pickle=True)
    return new.getvalue()


def flip_a_bit(content: bytes) -> bytes:
    at = content.index(b"values.npy") + 150
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:400],
        flip_a_bit,
        lambda content: changed(content, values=np.array([3, 5], np.float32)),
        lambda content: changed(content, timestamps=np.array([5, 6])),
        lambda content: changed(content, users=np.array(["a", "b"])),
        lambda content: changed(content, about="null"),
        lambda content: changed(content, about="[" * 100_000),
        lambda content: changed(content, about='{"format": 3}'),
        of_objects,
        lambda content: content.replace(b"'<f4'", b"'<f99999999'"),
    ],
    ids=[
        *("empty", "cut", "bit", "ratings", "times", "text", "about", "nested", "less", "pickle"),
        "type",
    ],
)
def test_a_damaged_file_is_written_again(damage, write: Write, cache_folder: Path) -> None:
    path = write(ROWS)
    first = catalog.load(str(path))
    (file,) = stored(cache_folder)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match=r"is damaged .*: ratings is parsed again"):
        assert triples(catalog.load(str(path))) == triples(first)
    assert len(file.read_bytes()) == len(whole)


def test_reading_the_cache_imports_no_pandas(write: Write) -> None:
    path = write(ROWS)
    catalog.load(str(path))
    script = f"""if True:
        import sys
        from datasets import catalog
        catalog.load({str(path)!r})
        assert not {{"pandas", "pyarrow", "pooch", "scipy", "numba"}} & sys.modules.keys()
    """
    subprocess.run([sys.executable, "-c", script], check=True)


def test_two_processes_may_build_at_once(write: Write, cache_folder: Path) -> None:
    path = write("\n".join(f"{row % 97},{row},{1 + row % 5}" for row in range(20_000)))
    script = f"from datasets import catalog; print(catalog.load({str(path)!r}).fingerprint)"
    command = [sys.executable, "-c", script]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    prints = {process.communicate()[0] for process in both}
    assert prints == {catalog.load(str(path)).fingerprint + "\n"}
    assert len(stored(cache_folder)) == 1


def test_a_cache_that_cannot_be_written_is_a_warning(write: Write, cache_folder: Path) -> None:
    cache_folder.write_text("a file where the folder should be")
    path = write(ROWS)
    with pytest.warns(UserWarning, match="set RATEBENCH_CACHE to a folder that can be written"):
        data = catalog.load(str(path))
    assert len(data.ratings) == 2


def test_a_full_disk_leaves_nothing_behind(
    write: Write, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(file, **_: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fill_up)
    with pytest.warns(UserWarning, match="No space left"):
        catalog.load(str(write(ROWS)))
    assert not stored(cache_folder)


def test_names_too_long_for_a_file_are_shortened(
    write: Write, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What distinguishes the files is the digest of their origins."""
    name = f"{'n' * 240}.csv"
    paths = [write(ROWS, f"{folder}/{name}") for folder in ("a", "b")]
    first = [catalog.load(str(path)) for path in paths]
    assert len(stored(cache_folder)) == 2
    monkeypatch.setattr(catalog, "read", refuse_to_parse)
    for path, data in zip(paths, first, strict=True):
        assert catalog.load(str(path)).name == data.name == "n" * 240


def test_the_folder_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATEBENCH_CACHE")
    assert cache.folder().name == "ratebench"
    assert cache.folder().is_absolute()
