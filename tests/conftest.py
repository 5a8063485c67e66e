from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")

# Spark's fits are too short for what Java's second compiler takes: a third less CPU time in all.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1")

# Numba's threads wait for each other after each loop. Where other tests have the cores they would
# spin as they wait: small Bayesian fits then take ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

collect_ignore = ["plugin"]  # a package of its own, which test_plugin.py installs elsewhere


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what fits LIBMF: in its class of the conformance suite, or by a parameter."""
    for item in items:
        fits = "tests/conformance" in item.nodeid or "tests/impls" in item.nodeid
        if fits and "libmf" in item.nodeid.lower():
            item.add_marker(pytest.mark.hangs)


TOGETHER = {
    "::TestSparkALS::": "Java",
    "impls/peers/test_spark_als.py": "Java",
    "bench/report/site/": "browser",
}
"""By a part of their ids, tests that one worker of pytest-xdist runs: each would start what they
share again."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of --dist loadscope: what is in `TOGETHER` is one scope."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            found = (name for part, name in TOGETHER.items() if part in nodeid)
            return next(found, super()._split_scope(nodeid))

    return Together(config, log)
