"""One environment per lock: this one where it is equal, else one of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.gate import environments
from bench.gate.environments import lock_of, python_for
from bench.gate.errors import LockError

PROJECT = """\
[project]
dependencies = ["numpy>=2"]
[project.optional-dependencies]
dev = ["pytest"]
peers = ["cornac"]
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree that locks what no environment has."""
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "constraints.txt").write_text("numpy==1\n")
    (tree / "pyproject.toml").write_text(PROJECT)
    return tree


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip would have installed; it fails for a lock with `wrong` in it.

    The environments are real ones, but for pip.
    """
    requested: list[list[str]] = []
    run, create = subprocess.run, venv.create

    def install(command, **how):
        if "pip" not in command:
            return run(command, **how)
        requested.append([str(word) for word in command])
        wrong = "wrong" in Path(command[command.index("--constraint") + 1]).read_text()
        answer = "raise SystemExit('no such version')" if wrong else ""
        return run([sys.executable, "-c", answer], **how)

    monkeypatch.setattr("bench.gate.environments.subprocess.run", install)
    monkeypatch.setattr(
        "bench.gate.environments.venv.create",
        lambda folder, **how: create(folder, **{**how, "with_pip": False}),
    )
    return requested


def test_an_equal_lock_shares_this_environment(tree: Path, installs: list) -> None:
    (tree / "constraints.txt").write_text(f"# numpy==1\nnumpy=={version('numpy')}\nnone==1\n")
    assert python_for(tree, lock_of(tree), print) == Path(sys.executable)
    assert not installs


def test_trees_without_a_lock_share_this_environment(tree: Path, tmp_path: Path) -> None:
    (tree / "constraints.txt").unlink()
    assert python_for(tree, lock_of(tmp_path), print) == Path(sys.executable)


def test_an_environment_of_an_older_lock_is_not_taken_for_one_of_this(tree: Path) -> None:
    """Somebody has changed the lock, and not run `make env`."""
    with pytest.raises(
        LockError, match=rf"numpy {version('numpy')} \(locked: ==1\). Run `make env`"
    ):
        python_for(tree, lock_of(tree), print)


@pytest.mark.parametrize(
    "lock",
    [
        "torch==2.13.0",
        "Torch == 2.13  # the same version",
        "torch==2.13.0+cpu",
        "setuptools==1",
        "torch==1; sys_platform == 'none'",
        "--no-binary torch",
    ],
)
def test_what_make_env_would_not_change_is_not_reported(
    tree: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    there = {"torch": "2.13.0+cpu", "setuptools": "65.5.0"}
    packages = [SimpleNamespace(name=name, version=it) for name, it in there.items()]
    monkeypatch.setattr(environments, "distributions", lambda: packages)
    (tree / "constraints.txt").write_text(lock)
    assert python_for(tree, lock_of(tree), print) == Path(sys.executable)


def test_a_line_that_is_no_requirement_is_one_clear_error(tree: Path) -> None:
    (tree / "constraints.txt").write_text("numpy is 1\n")
    with pytest.raises(LockError, match=r"constraints\.txt of tree cannot be read"):
        python_for(tree, lock_of(tree), print)


def test_another_lock_gets_an_environment_of_its_own_once(tree: Path, installs: list) -> None:
    messages: list[str] = []
    result = python_for(tree, "another", messages.append)
    assert result != Path(sys.executable)
    lock = str(tree / "constraints.txt")
    assert installs[0][-4:] == ["--constraint", lock, "numpy>=2", "pytest"]  # and no peers
    assert str(result.parent.parent) in messages[0]
    assert python_for(tree, "another", messages.append) == result
    assert len(installs) == len(messages) == 1


@pytest.mark.parametrize("what", ["version", "build", "dependencies", "lock"])
def test_another_python_lock_or_dependencies_get_another_environment(
    tree: Path, installs: list, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    before = python_for(tree, "another", print)
    if what == "version":
        monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    elif what == "build":
        monkeypatch.setattr(sys, "version", f"{sys.version} by another compiler")
    elif what == "dependencies":
        (tree / "pyproject.toml").write_text(PROJECT.replace("numpy>=2", "scipy"))
    else:
        (tree / "constraints.txt").write_text("numpy==2\n")
    after = python_for(tree, "another", print)
    assert before != after
    assert len(installs) == 2


@pytest.mark.parametrize("how", ["dangling", "broken"])
def test_an_environment_whose_interpreter_is_gone_is_made_anew(
    tree: Path, installs: list, how: str
) -> None:
    python = python_for(tree, "another", print)
    python.unlink()
    python.symlink_to("/bin/false" if how == "broken" else "/nowhere/python")
    assert python_for(tree, "another", print) == python
    assert subprocess.run([python, "-c", ""]).returncode == 0
    assert len(installs) == 2


def test_what_cannot_be_installed_is_one_clear_error_and_tried_again(
    tree: Path, installs: list
) -> None:
    (tree / "constraints.txt").write_text("wrong==1\n")
    for _ in range(2):
        with pytest.raises(LockError, match=r"lock of tree in .*: no such version\nCorrect"):
            python_for(tree, "another", print)
    assert len(installs) == 2


@pytest.mark.parametrize(
    "error", [PermissionError("no place"), subprocess.CalledProcessError(1, "ensurepip")]
)
def test_an_environment_that_cannot_be_made_is_one_clear_error(
    tree: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def create(*_, **__):
        raise error

    monkeypatch.setattr("bench.gate.environments.venv.create", create)
    with pytest.raises(LockError, match=r"no place|ensurepip"):
        python_for(tree, "another", print)


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("constraints.txt", None, "tree has no constraints.txt"),
        ("pyproject.toml", None, "does not name dependencies"),
        ("pyproject.toml", "not toml", "does not name dependencies"),
        ("pyproject.toml", "[project]\ndependencies = []", "optional-dependencies"),
    ],
)
def test_a_tree_without_a_lock_or_dependencies_is_one_clear_error(
    tree: Path, installs: list, file: str, text: str | None, why: str
) -> None:
    (tree / file).unlink()
    if text:
        (tree / file).write_text(text)
    with pytest.raises(LockError, match=f"{why}.*name a"):
        python_for(tree, "another", print)
    assert not installs
