"""One environment per lock: ours where it is equal, else made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.gate.environments import lock_of, python_for
from bench.gate.errors import LockError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip would have been asked to install; it says no to a lock with `wrong` in it."""
    asked: list[list[str]] = []

    def run(command, **_):
        asked.append([str(word) for word in command])
        wrong = "wrong" in Path(command[-1]).read_text()
        return subprocess.CompletedProcess(command, int(wrong), "", "no such version")

    def create(folder, **_):
        folder.mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr("bench.gate.environments.subprocess.run", run)
    monkeypatch.setattr("bench.gate.environments.venv.create", create)
    return asked


def test_an_equal_lock_shares_this_environment(tree: Path, installs: list) -> None:
    (tree / "constraints.txt").write_text("numpy==1\n")
    assert python_for(tree, lock_of(tree), print) == Path(sys.executable)
    assert not installs


def test_trees_without_a_lock_share_this_environment(tree: Path, tmp_path: Path) -> None:
    assert python_for(tree, lock_of(tmp_path), print) == Path(sys.executable)


def test_another_lock_gets_an_environment_of_its_own_once(tree: Path, installs: list) -> None:
    (tree / "constraints.txt").write_text("numpy==1\n")
    told: list[str] = []
    made = python_for(tree, "ours", told.append)
    assert made != Path(sys.executable)
    assert installs[0][-2:] == ["--requirement", str(tree / "constraints.txt")]
    assert str(made.parent.parent) in told[0]
    assert python_for(tree, "ours", told.append) == made
    assert len(installs) == len(told) == 1


def test_what_cannot_be_installed_is_one_clear_error_and_tried_again(
    tree: Path, installs: list
) -> None:
    (tree / "constraints.txt").write_text("wrong==1\n")
    for _ in range(2):
        with pytest.raises(LockError, match=r"constraints.txt cannot be installed: no such"):
            python_for(tree, "ours", print)
    assert len(installs) == 2
