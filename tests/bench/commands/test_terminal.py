"""Text for terminals, files and encodings of every kind."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from bench.commands import terminal


def screen(encoding: str = "utf-8") -> io.TextIOWrapper:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="ratebench")
    stream.isatty = lambda: True  # type: ignore[method-assign]
    return stream


def shown(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)  # type: ignore[attr-defined,no-any-return]


def test_names_are_neither_markup_nor_emoji_codes() -> None:
    text = io.StringIO()
    terminal.console(text).print("[bold]mine[/] :smile: 12", style="red")
    assert text.getvalue() == "[bold]mine[/] :smile: 12\n"


@pytest.mark.parametrize(("no_color", "code"), [("", "\x1b[31m"), ("1", "error\n")])
def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch, no_color: str, code: str) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = screen()
    terminal.console(stream).print("error", style="red")
    assert shown(stream).startswith(code)


def test_an_encoding_without_a_sign_gets_letters_for_it() -> None:
    stream = screen("ascii")
    terminal.console(stream).print("≤ 0.9: 1 ± 2 − ∞ … 漢")
    assert shown(stream) == "<= 0.9: 1 +- 2 - inf ... ?\n"


def test_a_verb_never_raises_on_an_encoding() -> None:
    code = "from bench.cli import main; main()"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--help"], env=env, capture_output=True
    )
    assert done.returncode == 0
    assert b" ... " in done.stdout


def test_a_table_keeps_names_whole_and_wraps_the_rest() -> None:
    text = io.StringIO()
    table = terminal.table([["a_long_name", "some more words", "1"]], ["name", "words", "n"], "LlR")
    terminal.console(text, width=26).print(table, soft_wrap=False)
    assert [line.rstrip() for line in text.getvalue().splitlines()] == [
        "name         words       n",
        "--------------------------",
        "a_long_name  some more   1",
        "             words",
    ]
