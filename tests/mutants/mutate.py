"""`make mutants` writes docs/mutations.md: which test catches which mistake.

Each mutation is made in a copy of the repository, never in the checkout. Real data is left out,
so that the table is the same everywhere. Run `make peers triton` before, since an implementation
whose library is missing is not tested. Exits with 1 if a mutation survives or its fragment is no
longer in the code.
"""

from __future__ import annotations

import ast
import contextlib
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pandas  # noqa: F401 - slow to import, so once for all
import pytest
import torch._dynamo  # noqa: F401 - likewise; an optimiser imports it
from tabulate import tabulate

from tests.mutants.mutations import GATE, MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
FORK = multiprocessing.get_context("fork")
TESTED_BY = {
    "global_mean": "TestGlobalMean",
    "bias": "TestBias",
    "numpy_sgd": "TestNumpySGD or parity",
    "autograd_mf": "TestAutogradMF or parity",
    "sparse_embedding_mf": "TestSparseEmbeddingMF or parity",
    "embedding_mf": "TestEmbeddingMF",
    "autorec": "TestAutoRec",
    "sparse_fc": "TestSparseFC",
    "ncf": "TestNCF",
    "numpy_sgd_strata": "TestNumpySGDStrata",
    "numba_sgd": "TestNumbaSGD or parity",
    "triton_sgd": "triton",
    "als": "TestALS",
    "bayesian_mf": "TestBayesianMF",
    "bayesian_ordinal": "TestBayesianOrdinal",
    "bayesian_svdpp": "TestBayesianSVDpp",
    "blend": "TestBlend",
    "surprise_svd": "TestSurpriseSVD",
    "cornac_mf": "TestCornacMF",
    "myfm_gibbs": "TestMyFMGibbs",
    "cmfrec_als": "TestCmfrecALS",
    "libmf_sgd": "TestLibmfSGD",
    "spark_als": "TestSparkALS",
    "shared": "TestCornacMF",
    "strata": "TestNumpySGDStrata",
    "blocked": "TestNumbaSGD or parity",
    "vector_rows": "TestNumbaSGD or parity",
    "dealt_blocks": "triton",
    "triton_kernel": "triton",
    "compiled": "TestALS or TestBayesianMF or parity",
    "batched": "parity",
    "gram": "TestALS or parity",
    "cholesky": "TestALS or parity",
    "vector_tiles": "TestALS or parity",
    "gaussian_rows": "TestBayesianMF",
    "ordinal": "TestBayesianOrdinal",
    "scores": "TestBayesianOrdinal or TestBayesianSVDpp",
    "sets": "TestBayesianSVDpp",
    "torch_step": "TestEmbeddingMF",
    "rated_rows": "TestAutoRec or TestSparseFC",
    "gate/environments": "test_environments",
    "gate/baseline": "test_screening",
    "gate/stored/command": "test_screening",
    "gate/solo": "test_screening",
    "gate/screen": "test_screen",
}
"""Which tests to run, as pytest's -k has it; all of them for a file that is not named here."""

LIMIT_S, TRIES = 300, 4
"""Of the tests of one mutation: LIBMF's threads can wait for each other for ever."""

INTRODUCTION = """# Mutations: which mistakes the tests catch

This page is for contributors who want to know how far a green test run can be trusted. Each line
puts one mistake into an implementation, or into code that several share, and names the first test
that then fails. Without a mistake all tests pass. Tests on real data are left out.

`make mutants` writes this page from the list in `tests/mutants/mutations.py`.
"""
HEADERS = ["file", "mistake", "change", "first test that fails"]
SURVIVES = "**survives**"
OF_THE_GATE = """
## The speed gate

The same for `bench/gate/`: one of its own tests must fail.
"""


def main() -> int:
    """Print the page; returns the exit code."""
    if stale := stale_mutations(MUTATIONS + GATE, ROOT):
        raise SystemExit("\n".join(stale))
    with tempfile.TemporaryDirectory(prefix="ratebench-mutants-") as folder:
        copy = Path(folder)
        for part in ("bench", "datasets", "impls", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        for tests in {mutation.tests for mutation in MUTATIONS + GATE}:
            if failed := first_failure(copy, tests, ""):
                raise SystemExit(f"without any mutation there fails {failed}")
        rows, of_gate = table_rows(MUTATIONS, copy), table_rows(GATE, copy)
    print(INTRODUCTION)
    print(tabulate(rows, HEADERS, "pipe"))
    print(OF_THE_GATE)
    print(tabulate(of_gate, HEADERS, "pipe"))
    return 0 if all(caught != SURVIVES for *_, caught in rows + of_gate) else 1


def stale_mutations(mutations: list[Mutation], root: Path) -> list[str]:
    """What is wrong with those that cannot be made, or whose result is not Python."""
    wrong = []
    for mutation in mutations:
        try:
            ast.parse(mutation.applied(root))
        except (LookupError, SyntaxError) as error:
            wrong.append(f"{mutation.file}, {mutation.mistake}: {error}")
    return wrong


def table_rows(mutations: list[Mutation], copy: Path) -> list[tuple[str, ...]]:
    """A row for each, made in the copy one after the other."""
    rows: list[tuple[str, ...]] = []
    for n, mutation in enumerate(mutations, 1):
        caught = caught_by(mutation, copy)
        print(
            f"{n}/{len(mutations)} {mutation.file}: {mutation.mistake}: {caught}", file=sys.stderr
        )
        rows.append(
            (
                f"`{mutation.file}`",
                mutation.mistake,
                f"`{mutation.old.strip()}` → `{mutation.new.strip() or ' '}`",
                f"`{caught}`" if caught else SURVIVES,
            )
        )
    return rows


def caught_by(mutation: Mutation, copy: Path) -> str | None:
    """The first test that fails with the mistake in the copy, which is undone afterwards."""
    path = mutation.path(copy)
    original = path.read_text()
    path.write_text(mutation.applied(copy))
    try:
        return first_failure(copy, mutation.tests, TESTED_BY.get(mutation.file, ""))
    finally:
        path.write_text(original)


def first_failure(root: Path, tests: str, selection: str) -> str | None:
    """Class and name of the first of the tests that fails in `root`; None if none does.

    It runs in a fork of this process, which has paid for the imports. One without an end is killed,
    and runs again.
    """
    for _ in range(TRIES):
        result, send = FORK.Pipe(duplex=False)
        child = FORK.Process(target=_run, args=(root, tests, selection, send))
        child.start()
        send.close()
        if not result.poll(LIMIT_S):
            child.kill()
            child.join()
            continue
        try:
            failed: str | None = result.recv()
        except EOFError:
            raise SystemExit(f"the tests of {selection or 'everything'} could not run") from None
        child.join()
        return failed
    raise SystemExit(f"the tests of {selection or 'everything'} did not end in {LIMIT_S} s")


class FirstFailure:
    """A pytest plugin that remembers the test that ended the run."""

    test: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.test is None:
            self.test = report.nodeid.partition("::")[2]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.test is None:
            self.test = f"import of {report.nodeid}"


def _run(root: Path, tests: str, selection: str, send: Connection) -> None:
    ours = {"bench", "datasets", "impls", "tests"}
    for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
        del sys.modules[name]  # they come from the checkout
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True  # it would outlive a mutation
    os.chdir(root)
    os.environ.pop("RATEBENCH_DATA", None)
    seen = FirstFailure()
    options = [tests, "-x", "--tb=no", "-p", "no:cacheprovider", "-k", selection]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = pytest.main(options, [seen])
    if (code == pytest.ExitCode.OK) != (seen.test is None):
        sys.exit(output.getvalue())
    send.send(seen.test)


if __name__ == "__main__":
    sys.exit(main())
