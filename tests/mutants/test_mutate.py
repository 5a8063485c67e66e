"""How a mutation is made; `make mutants` checks the list itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import mutate
from tests.mutants.mutate import first_failure, stale_mutations
from tests.mutants.mutations import Mutation

CODE = "a = 1\nb = 2 - a\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "impls" / "kernels"
    folder.mkdir(parents=True)
    (folder / "subtract.py").write_text(CODE)
    return tmp_path


def test_a_mutation_changes_one_place_of_the_text_and_not_the_file(root: Path) -> None:
    mutation = Mutation("subtract", "sign", "2 - a", "2 + a")
    assert mutation.applied(root) == "a = 1\nb = 2 + a\n"
    assert (root / "impls/kernels/subtract.py").read_text() == CODE


def test_a_mutation_that_no_longer_fits_is_reported(root: Path) -> None:
    mutations = [
        Mutation("subtract", "fits", "2 - a", "2 + a"),
        Mutation("subtract", "gone", "no such code", ""),
        Mutation("subtract", "twice", "a", "c"),
        Mutation("subtract", "not Python", "2 - a", "2 -"),
        Mutation("moved", "no file", "a", "b"),
    ]
    stale = stale_mutations(mutations, root)
    assert [line.partition(":")[0].partition(", ")[2] for line in stale] == [
        "gone",
        "twice",
        "not Python",
        "no file",
    ]


HANGS_ONCE = """
import signal
from pathlib import Path

def test_a():
    ran = Path("ran")
    if not ran.exists():
        ran.touch()
        signal.pause()
    assert False
"""


def test_tests_without_an_end_are_killed_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_once.py").write_text(HANGS_ONCE)
    monkeypatch.setattr(mutate, "LIMIT_S", 3)
    assert first_failure(tmp_path, "test_once.py", "") == "test_a"
