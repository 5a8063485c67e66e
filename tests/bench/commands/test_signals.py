"""Signals and errors of the system, as the whole command ends with them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import cli
from bench.commands import signals
from tests.support.command_line import BENCH

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """`bench report` that does this in the midst of it; returns its exit code."""
    assert signals.ENDING == ENDING  # or one would end the tests
    for each in ENDING:  # a shell ignores some for what it starts in the background
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def report(in_its_midst: Callable[[], object]) -> int:
        monkeypatch.setattr("sys.argv", ["bench", "report", "--out", str(tmp_path)])
        monkeypatch.setattr("bench.commands.report.write", lambda *_, **__: in_its_midst())
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return report


@pytest.mark.parametrize("number", ENDING)
def test_a_verb_unwinds_after_a_signal_and_ends_with_the_shells_code(
    report: Callable[..., int], number: signal.Signals
) -> None:
    unwound: list[str] = []

    def wait() -> None:
        try:
            signal.raise_signal(number)
        finally:
            for each in ENDING:  # `timeout` sends two, and the clean-up goes on
                signal.raise_signal(each)
            unwound.append("all")

    assert report(wait) == 128 + number
    assert unwound == ["all"]
    signal.raise_signal(number)  # still while Python removes temporary folders


def test_a_signal_that_was_swallowed_is_heeded_later(
    report: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "UNWINDING_S", 0.0)

    def swallow() -> None:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    assert report(swallow) == 128 + signal.SIGTERM


def test_what_was_ignored_still_is(report: Callable[..., int]) -> None:
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert report(lambda: signal.raise_signal(signal.SIGHUP) or {}) == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_signal_after_the_end_of_a_verb_is_not_heeded(report: Callable[..., int]) -> None:
    """Python is removing temporary folders by then."""
    assert report(dict) == 0
    for each in ENDING:
        signal.raise_signal(each)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "error: no memory is left (free some, or raise the limit that"),
        (OSError(errno.EMFILE, "Too many open files"), "error: Too many open files (raise the"),
        (OSError(errno.ENOSPC, "No space", b"/a"), "error: /a: No space (free space there)"),
        (ImportError("READ THIS\n\nno room"), "error: a library cannot be imported: no room"),
    ],
)
def test_an_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    line: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("sys.argv", ["bench", "list"])
    monkeypatch.setattr("bench.planning.loading.plugins", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith(line)
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("statement", "code", "shown"),
    [
        ("raise ImportError('no room')", 2, "error: a library cannot be imported: no room\n"),
        ("import signal; signal.raise_signal(signal.SIGINT)", 130, ""),
    ],
)
def test_an_import_that_fails_or_is_interrupted_is_no_traceback(
    tmp_path: Path, statement: str, code: int, shown: str
) -> None:
    (tmp_path / "numpy.py").write_text(statement, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [*BENCH, "list"], env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (code, shown)


def test_a_package_whose_entry_points_are_no_text_ends_no_command(tmp_path: Path) -> None:
    """Pydantic would read them."""
    points = tmp_path / "x.dist-info" / "entry_points.txt"
    points.parent.mkdir()
    points.write_bytes(b"[a]\n\xff = b:c\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [*BENCH, "--help"], env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (0, "")
