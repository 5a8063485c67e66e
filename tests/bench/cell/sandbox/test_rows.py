"""Every built-in row and every third-party library that is installed runs in a sandbox."""

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


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_row_runs_in_a_sandbox(name: str, tmp_path: Path) -> None:
    class_path = IMPLEMENTATIONS[name]
    described = describe(class_path, "default", {}, 2)
    if problem := row_problem(described.library, described.devices, "cpu"):
        pytest.skip(problem)
    assert described.hyperparameters is not None
    rules = Rules(time_limit_s=LIMITS.time_limit_s)
    job = Job(
        *(class_path, described.hyperparameters, "cpu", 0, 1),
        *(str(tmp_path), 60, 50, (1, 5), rules),
    )
    split = random_split(job)
    write_split(split, tmp_path)
    limits = dataclasses.replace(LIMITS, memory_limit_bytes=4 * 10**9)
    outcome = SandboxedExecutor(Sandbox()).execute(job, split.test, limits, lambda _: None)
    if (name, outcome.status) == ("peer:libmf", "timeout"):
        pytest.skip("LIBMF hung in its own fit")
    assert (outcome.status, outcome.reason) == ("ok", ""), outcome.log
    assert outcome.sandbox == bubblewrap.NAME
