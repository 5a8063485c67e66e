"""The list of mutations keeps up with the implementations; `mutate` runs it."""

from __future__ import annotations

import ast

import pytest

from impls.registry import IMPLEMENTATIONS
from tests.conformance.mutate import ROOT, TESTED_BY
from tests.conformance.mutations import GATE, MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS + GATE, ids=lambda m: f"{m.file}: {m.mistake}")
def test_a_mutation_is_one_line_that_python_can_read(mutation: Mutation) -> None:
    ast.parse(mutation.applied(ROOT))
    assert "\n" not in mutation.old + mutation.new


def test_a_stale_mutation_is_an_error() -> None:
    with pytest.raises(LookupError, match="0 times, not once"):
        Mutation("bias", "stale", "no such code", "").applied(ROOT)


def test_every_implementation_has_two_mutations() -> None:
    modules = [target.partition(":")[0] for target in IMPLEMENTATIONS.values()]
    files = [module.rpartition(".")[2] for module in modules]
    mutated = [mutation.file for mutation in MUTATIONS]
    assert TESTED_BY.keys() >= set(files)
    assert all(mutated.count(file) >= 2 for file in files)
