"""A small share of the suite, and the suite itself: it notices what must not happen."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.faults import cheats, environments, implementations, kills, page, records
from tests.faults.case import Case, Result, check_figures, check_honest, honest_figures, run_one
from tests.faults.place import PYTHON, Figures, Place, WrongError

LEAST = {implementations: 150, environments: 80, kills: 25, records: 100, cheats: 15}


@functools.cache
def figures() -> Figures:
    return honest_figures()


@pytest.mark.parametrize("kind", LEAST, ids=lambda kind: kind.KIND)
def test_there_are_enough_cases_each_with_a_name_of_its_own(kind) -> None:
    names = [case.name for case in kind.cases()]
    assert len(names) >= LEAST[kind]
    assert len(set(names)) == len(names)


SOME = {
    implementations: ("segfault in predict", "event: not UTF-8", "leaves a daemon"),
    environments: ("closed stream all",),
    records: ("a torn line",),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in SOME for name in SOME[kind]], ids=str
)
def test_a_case_comes_out_as_it_must(kind, name: str) -> None:
    [case] = [case for case in kind.cases() if case.name == name]
    assert run_one(case, figures()).wrong == ""


def leaves_a_file(place: Place) -> None:
    (place.folder / "tmp" / "left").touch()


def leaves_a_process(place: Place) -> None:
    subprocess.Popen([PYTHON, "-c", "input()"], stdin=subprocess.PIPE)


def prints_a_traceback(place: Place) -> None:
    place.outputs.append("Traceback (most recent call last):\n")


def prints_an_escape(place: Place) -> None:
    place.outputs.append("\x1b[31m")


def records_nothing(place: Place) -> None:
    check_honest(place, {})


def says_so(place: Place) -> None:
    raise WrongError("mine")


@pytest.mark.parametrize(
    ("does", "wrong"),
    [
        (leaves_a_file, "left among the temporary files: ['left']"),
        (leaves_a_process, "left running: "),
        (prints_a_traceback, "the output has: Traceback"),
        (prints_an_escape, "the control character '\\x1b'"),
        (records_nothing, "honest cells recorded: []"),
        (says_so, "mine"),
    ],
)
def test_the_suite_notices(
    does: Callable[[Place], None], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.case.PATIENCE_S", 0.1)
    assert wrong in run_one(Case("", "", lambda place, _: does(place) or ""), {}).wrong


def test_the_suite_notices_other_figures() -> None:
    from tests.support.records import record

    right, wrong = record("bias"), record("bias", rmse=0.5)
    from tests.faults.place import figures_of

    check_figures([right], {("bias", 0): figures_of(right)})
    with pytest.raises(WrongError, match="wrong figures of"):
        check_figures([wrong], {("bias", 0): figures_of(right)})


def test_the_page_keeps_the_sections_of_other_kinds_and_no_path_of_this_machine(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "faults.md")
    came = f"came\n| of {sys.prefix}/lib"
    results = [Result(Case("kills", "a | b", lambda *_: ""), came, "", 0)]
    page.write("cheats", "first")
    page.write("kills", page.table(results, "Run somewhere."))
    page.write("cheats", "second")
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.index("## Kills") < text.index("## Cheats")
    assert "first" not in text
    assert "second" in text
    assert "| a \\| b | came \\| of …/lib |" in text


def test_a_repeated_case_has_its_line_written_anew(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one whose case there is no longer has none."""
    monkeypatch.setattr(page, "PAGE", tmp_path / "faults.md")
    first, second, third = (Case("kills", name, lambda *_: "") for name in ("a | b", "a", "c"))
    page.write_again("kills", [Result(first, "", "too early", 0)], "Run never.", [first])
    assert not page.PAGE.exists()
    results = [Result(first, "", "x | y", 0), Result(second, "", "z", 0), Result(third, "", "", 0)]
    page.write("kills", page.table(results, "Run once."))
    again = [Result(first, "well | done", "", 0)]
    page.write_again("kills", again, "Run twice.", [first, second])
    assert page.PAGE.read_text(encoding="utf-8").partition("## Kills\n\n")[2] == (
        "2 cases, 1 wrong. Run once.\n1 of them repeated. Run twice.\n\n"
        "| case | what came of it |\n|:-----|:----------------|\n"
        "| a \\| b | well \\| done |\n| a | **wrong**: z |\n"
    )
