"""Text for terminals, files and encodings of every kind."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands import listing, terminal
from datasets.printable import printable


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


START = "from bench.cli import main; main()"
ROOT = Path(__file__).parents[3]
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CP1252 = {"PYTHONIOENCODING": "cp1252:strict"}
ASCII = {"PYTHONIOENCODING": "ascii"}
ODD = "'漢\x1b[31m:smile:\n.csv'"


def bench(tmp_path: Path, words: str, redirect: str = "", **variables: str) -> list[str]:
    """Run a verb in a shell; returns the lines of its standard error, then its exit code."""
    command = f"{shlex.join([sys.executable, '-c', START])} {words} {redirect}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **variables},
        capture_output=True,
    )
    return [*done.stderr.decode("ascii", "backslashreplace").splitlines(), str(done.returncode)]


@pytest.mark.parametrize(
    ("words", "variables", "code"),
    [
        ("run --help", ASCII, "0"),
        ("list", NO_UTF8, "0"),
        ("doctor", CP1252, "0"),
        ("data synthetic-100k", {"PYTHONIOENCODING": "ascii:strict"}, "0"),
        (f"run --impl {ODD}:X", CP1252, "2"),
        (f"run --impl {ODD}:X", NO_UTF8, "2"),
        (f"compare {ODD} bias", ASCII, "2"),
        (f"tune {ODD}", NO_UTF8, "2"),
        (f"gate {ODD}", NO_UTF8, "3"),
        (f"predict --impl bias --dataset {ODD} --pairs {ODD}", ASCII, "2"),
        (f"migrate --out {ODD}", NO_UTF8, "0"),
        (f"run --{ODD}", CP1252, "2"),
    ],
)
def test_no_verb_raises_on_an_encoding(
    tmp_path: Path, words: str, variables: dict[str, str], code: str
) -> None:
    *lines, found = bench(tmp_path, words, **variables)
    assert found == code, lines
    assert "Traceback" not in "".join(lines)
    assert "\x1b[31m" not in "".join(lines)


@pytest.mark.parametrize(
    ("words", "redirect", "code", "error"),
    [
        ("--version", ">&-", "0", ""),
        ("--version", "<&- >&- 2>&-", "0", ""),
        ("run --impl nobody", "2>&-", "2", ""),
        ("--version", ">/dev/full", "1", "error: the output cannot be written: No space left"),
        ("run --help", ">/dev/full", "1", "error: the output cannot be written: No space left"),
        ("data synthetic-100k --json", ">/dev/full", "1", "error: the output cannot be written"),
        ("run --impl nobody", "2>/dev/full", "1", ""),
        ("doctor", "| true", "0", ""),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_an_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, words: str, redirect: str, code: str, error: str
) -> None:
    *lines, found = bench(tmp_path, words, redirect)
    assert found == code
    assert "".join(lines).startswith(error)
    assert len(lines) <= 1


def test_a_closed_output_takes_no_file_in() -> None:
    """A file that is opened later must not get the number of standard output."""
    code = (
        "import os; os.close(1); import sys; sys.stdout = None\n"
        "from bench.commands import terminal; terminal.open_streams()\n"
        "terminal.print_line('lost'); sys.exit(os.open('/dev/null', os.O_RDONLY) < 3)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_data_is_in_utf_8_whatever_the_terminal_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="ratebench")
    monkeypatch.setattr(sys, "stdout", stream)
    with terminal.utf8_output() as file:
        file.write("漢")
    stream.write("漢")
    stream.flush()
    assert stream.buffer.getvalue() == "漢?".encode()  # type: ignore[attr-defined]


def test_nothing_that_acts_on_a_terminal_is_printed() -> None:
    text = io.StringIO()
    name = "red \x1b[31m \x9b31m \x07 \u202e \u2028 \r \udcff\tx\n"
    shown = r"red \x1b[31m \x9b31m \x07 \u202e \u2028 \x0d \xff"
    terminal.console(text).print(name)
    assert text.getvalue().startswith(shown)
    assert printable(name) == f"{shown}\tx\n"
    table = io.StringIO()
    terminal.console(table).print(terminal.table([["a\n\x1b"]], [name[:8]]), soft_wrap=False)
    assert [line.strip() for line in table.getvalue().splitlines()][::2] == [
        r"red \x1b[31",
        r"a\n\x1b",
    ]


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


def test_columns_without_room_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich would cut them to a letter, or to nothing."""
    rows = [["a" * 20, *"bcde"]]
    assert [terminal.columns_that_fit(rows, width) for width in (20, 56, 67, 68)] == [2, 4, 4, 5]
    text = io.StringIO()
    monkeypatch.setattr(terminal, "out", terminal.console(text, width=60))
    listing.listing()
    lines = text.getvalue().splitlines()
    assert "Left out at this width: source." in lines
    assert max(map(len, lines)) <= 60
    assert {each for line in lines for each in line.split()} >= {"surprise", "ml-100k", "cuda"}
