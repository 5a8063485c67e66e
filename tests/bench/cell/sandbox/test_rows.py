"""A built-in row of each kind and every third-party library that is installed run in a sandbox."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.cell.job import Job, write_split
from bench.cell.sandbox import bubblewrap
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.executor import SandboxedExecutor, random_split
from bench.planning.availability import row_problem
from bench.planning.describing import describe
from bench.planning.rules import Rules
from impls.registry import IMPLEMENTATIONS
from tests.support.running import LIMITS

pytestmark = pytest.mark.skipif(bool(bubblewrap.problem()), reason=bubblewrap.problem())

# NumPy alone, torch, what numba compiles for several threads: the others need nothing else of it.
BUILT_IN = ["numpy_sgd", "autograd_mf", "numba_sgd"]
LIBRARIES = [name for name in IMPLEMENTATIONS if name.startswith("peer:")]
# It can hang in its own fit, and is skipped then: no test waits long for that.
LIMIT_S = {"peer:libmf": 5.0}


@pytest.mark.parametrize("name", [*BUILT_IN, *LIBRARIES])
def test_a_row_runs_in_a_sandbox(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is compiled twice: in the user's folder a row may be marked as one to rehearse.
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    class_path = IMPLEMENTATIONS[name]
    # As tests/conftest.py has it for Spark's other fits.
    monkeypatch.setattr(bubblewrap, "VARIABLES", (*bubblewrap.VARIABLES, "SPARK_SUBMIT_OPTS"))
    described = describe(class_path, "default", {"epochs": "1"}, 2)
    if problem := row_problem(described.library, described.devices, "cpu"):
        pytest.skip(problem)
    assert described.hyperparameters is not None
    limits = dataclasses.replace(
        LIMITS,
        time_limit_s=LIMIT_S.get(name, LIMITS.time_limit_s),
        memory_limit_bytes=4 * 10**9,
    )
    (tmp_path / "arrays").mkdir()
    job = Job(
        *(class_path, described.hyperparameters, "cpu", 0, 1),
        *(str(tmp_path / "arrays"), 60, 50, (1, 5), Rules(time_limit_s=limits.time_limit_s)),
    )
    split = random_split(job)
    write_split(split, tmp_path / "arrays")
    outcome = SandboxedExecutor(Sandbox()).execute(job, split.test, limits, lambda _: None)
    if (name, outcome.status) == ("peer:libmf", "timeout"):
        pytest.skip("LIBMF hung in its own fit")
    assert (outcome.status, outcome.reason) == ("ok", ""), outcome.log
    assert outcome.sandbox == bubblewrap.NAME
