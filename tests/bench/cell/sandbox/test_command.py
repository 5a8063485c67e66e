"""`--sandbox`, and the import of implementations for a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cell.execute import ProcessExecutor
from bench.cell.sandbox import bubblewrap
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.executor import SandboxedExecutor
from bench.commands import containment
from bench.commands.containment import Containment
from bench.commands.terminal import UsageError
from bench.planning.describing import describe
from bench.planning.loading import ImplementationError, NotImportableError
from bench.store import RecordStore
from tests.support import SUPPORT
from tests.support.command_line import MEAN, Bench, write

needs_bubblewrap = pytest.mark.skipif(bool(bubblewrap.problem()), reason=bubblewrap.problem())


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is noted. There can be no sandbox, for a reason."""
    noted: list[str] = []
    monkeypatch.setattr(containment.terminal, "note", noted.append)
    monkeypatch.setattr(bubblewrap, "problem", lambda: "the kernel forbids it")
    return noted


def test_a_sandbox_that_cannot_be_is_noted_once(notes: list[str], tmp_path: Path) -> None:
    wanted = Containment("auto", tmp_path, [])
    assert isinstance(wanted.executor(), ProcessExecutor)
    assert wanted.importer("row.py:Row", tmp_path)[0] == ()
    assert notes == ["rows run without a sandbox: the kernel forbids it"]


def test_a_sandbox_that_is_required_is_an_error(notes: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--sandbox require: the kernel forbids it"):
        Containment("require", tmp_path, []).executor()
    assert notes == []


def test_no_sandbox_is_no_note(notes: list[str], tmp_path: Path) -> None:
    assert isinstance(Containment("off", tmp_path, []).executor(), ProcessExecutor)
    assert notes == []


def test_files_and_results_are_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bubblewrap, "problem", lambda: "")
    executor = Containment("auto", tmp_path, ["ml-100k", "data/ratings.csv", ""]).executor()
    assert isinstance(executor, SandboxedExecutor)
    places = (tmp_path, tmp_path / "records", Path("data/ratings.csv"), Path("data"))
    assert executor.sandbox.hidden == places


@needs_bubblewrap
def test_records_say_so_and_are_of_one_identity(bench: Bench, tmp_path: Path) -> None:
    file = write(tmp_path / "ratings.csv")
    common = ["run", "--impl", MEAN, "--dataset", str(file), "--out", str(tmp_path / "out")]
    for sandbox in ("require", "off"):
        done = bench(*common, "--fresh", "--seeds", "1", "--sandbox", sandbox)
        assert done.returncode == 0, done.stderr
    contained, not_contained = RecordStore(tmp_path / "out").read()[0]
    assert (contained.sandbox, not_contained.sandbox) == ("bubblewrap", "")
    assert contained.identity == not_contained.identity
    assert contained.metrics == not_contained.metrics
    assert "already recorded" in bench(*common, "--seeds", "1").stdout


@needs_bubblewrap
def test_an_implementation_is_described_in_a_sandbox_as_without() -> None:
    class_path = f"{SUPPORT / 'misbehaving.py'}:Mean"
    contained = describe(class_path, "default", {}, 2, Sandbox().importer)
    assert contained == describe(class_path, "default", {}, 2)


@needs_bubblewrap
@pytest.mark.parametrize(
    "cheat", ["found = open({data!r}).read()", "open(__file__ + '.learnt', 'w').write('')"]
)
def test_an_import_sees_no_ratings_and_leaves_nothing(tmp_path: Path, cheat: str) -> None:
    data, script = write(tmp_path / "ratings.csv"), tmp_path / "row.py"
    script.write_text(cheat.format(data=str(data)), encoding="utf-8")
    with pytest.raises(NotImportableError, match=r"Permission denied|Read-only file system"):
        describe(f"{script}:Row", "default", {}, None, Sandbox((data,)).importer)
    with pytest.raises(ImplementationError, match="has no class 'Row'"):
        describe(f"{script}:Row", "default", {}, None)
