"""The command `bench` in a folder of the test's own, and a file of ratings."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.signals import ENDING
from tests.support.command_line import BENCH, Bench, write


@pytest.fixture(autouse=True)
def own_lock(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No timing on this machine waits for a test, nor a test for one."""
    monkeypatch.setenv("RATEBENCH_LOCK", str(tmp_path_factory.mktemp("lock")))


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The command changes what signals do, up to the end of its process."""
    before = {each: signal.getsignal(each) for each in ENDING}
    yield
    for each, handler in before.items():
        if signal.getsignal(each) != handler:
            signal.signal(each, handler)


@pytest.fixture
def environment(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of the command, which has a temporary folder of its own. What compilers store is
    shared by all tests, of other workers of pytest-xdist, too: each would compile it again."""
    (tmp_path / "cache").mkdir()
    base = tmp_path_factory.getbasetemp()
    for stored in ("compiled", "numba"):
        shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / stored
        shared.mkdir(exist_ok=True)
        (tmp_path / "cache" / stored).symlink_to(shared)
    return {
        **os.environ,
        "RATEBENCH_CACHE": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path_factory.mktemp("temporary")),
        "COLUMNS": "200",
    }


def once(words: tuple[str, ...]) -> tuple[str, ...]:
    """A run repeats a row only where its words say so."""
    repeats = {"--seeds", "--precision"} & {*words} or words[:1] != ("run",)
    return () if repeats else ("--seeds", "1")


@pytest.fixture
def bench(tmp_path: Path, environment: dict[str, str]) -> Bench:
    """The command in a process of its own."""

    def bench(*words: str) -> subprocess.CompletedProcess[str]:
        line = [*BENCH, *words, *once(words)]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return bench


@pytest.fixture
def command(
    tmp_path: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Bench:
    """The command in this process, which has imported it: for tests of what it says and stores,
    where nothing depends on how its process starts or ends. Its rows have their own processes."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.argv", ["bench", *words, *once(words)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return subprocess.CompletedProcess(words, int(ended.value.code or 0), shown.out, shown.err)

    return command


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    return write(tmp_path / "ratings.csv")
