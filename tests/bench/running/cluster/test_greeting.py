"""Why a worker gets no cell, and why a scheduler cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.cell import locks
from bench.planning import loading
from bench.running.cluster import greeting
from bench.running.cluster.greeting import (
    LIBRARIES,
    Greeting,
    here,
    meaning,
    refusal,
    scheduler_refusal,
    scheduler_settings,
    sources,
)
from impls.registry import IMPLEMENTATIONS

pytest.importorskip("distributed")
OURS = here()


def theirs(**changes: Any) -> Greeting:
    """Of a worker like this process."""
    return OURS.model_copy(update={"name": "kiwi", "resources": {"machine": 1.0}, **changes})


def with_version(name: str, number: str) -> Any:
    versions = {**OURS.environment.versions, name: number}
    return OURS.environment.model_copy(update={"versions": versions})


def test_a_worker_that_is_alike_is_accepted() -> None:
    assert refusal(OURS, theirs()) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"environment": with_version("numba", "0.1")}, "numba is 0.1 there and "),
        (
            {"environment": OURS.environment.model_copy(update={"python": "3.9.9"})},
            "Python is 3.9.9 there and ",
        ),
        (
            {"environment": OURS.environment.model_copy(update={"versions": {}})},
            "torch is missing there",
        ),
        ({"distributed": "1.0"}, "distributed is 1.0 there and "),
        ({"resources": {}}, "it does not offer machine=1: start it with `bench worker`"),
        ({"resources": {"machine": 2.0}}, "it does not offer machine=1"),
        ({"other": {"impls/als.py": "5a"}}, "it has another impls/als.py: check out the same"),
        ({"other": {"impls/als.py": ""}}, "it has another impls/als.py"),
        ({"other": {"impls/new.py": "5a"}}, "it has another impls/new.py"),
        (
            {"other": {f"bench/{n}.py": "5a" for n in range(9)}},
            "it has another bench/0.py, bench/1.py, bench/2.py and 6 more files",
        ),
        ({"changed": ["bench/stats.py"]}, "bench/stats.py changed after it was started"),
    ],
)
def test_a_worker_that_is_not_alike_is_refused_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(OURS, theirs(**changes))


def test_another_version_of_a_library_that_both_have_is_refused() -> None:
    ours = OURS.model_copy(update={"libraries": {"cornac": "3", "myfm": "1"}})
    assert refusal(ours, theirs(libraries={"cornac": "3", "libmf": "1"})) == ""
    assert refusal(ours, theirs(libraries={"cornac": "2"})) == "cornac is 2 there and 3 here"


def test_every_library_of_a_row_is_compared() -> None:
    rows = map(loading.load_class, IMPLEMENTATIONS.values())
    assert {loading.describe(row).library for row in rows} - {""} == {*LIBRARIES}


def test_files_that_mean_the_same_are_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeting, "ROOT", tmp_path)
    for package in greeting.PACKAGES:
        (tmp_path / package).mkdir()
    file = tmp_path / "impls" / "a.py"

    def found(text: str) -> tuple[str, str]:
        file.write_text(text, encoding="utf-8")
        return sources()["impls/a.py"], meaning("impls/a.py")

    bytes_before, before = found("import b\nx = 1\n")
    bytes_now, now = found('"""What it is."""\nimport b  # why\n\nx = 1\n')
    assert (bytes_now != bytes_before, now) == (True, before)
    assert found("import b\nx = 2\n")[1] != before
    assert found("import c\nx = 1\n")[1] != before
    assert found("no Python: (")[1] not in (before, "")
    assert meaning("impls/missing.py") == ""


def test_what_a_worker_says_of_another_version_is_read_all_the_same() -> None:
    said = json.loads(theirs().model_dump_json())
    assert Greeting.model_validate_json(json.dumps({**said, "mood": "fine"})) == theirs()


def test_a_worker_says_when_it_was_started_and_whether_a_run_times_a_cell_there() -> None:
    state = SimpleNamespace(total_resources={"machine": 1.0}, executing_count=0)
    worker = SimpleNamespace(name="kiwi", state=state)

    def said() -> Greeting:
        return Greeting.model_validate_json(greeting._greeting({}, worker))

    assert said().started == psutil.Process().create_time()
    assert not said().busy
    with locks.exclusive(lambda: pytest.fail("it waits")):
        assert said().busy


def settings(**changes: Any) -> str:
    found = json.loads(scheduler_settings(SimpleNamespace(allowed_failures=0)))
    return json.dumps({**found, "work-stealing": False, **changes})


def test_a_scheduler_is_used_where_it_leaves_lost_cells_to_the_client() -> None:
    assert scheduler_refusal(settings()) == ""


@pytest.mark.parametrize("changes", [{"allowed-failures": 3}, {"work-stealing": True}])
def test_a_scheduler_that_runs_cells_again_is_refused_with_what_sets_it(
    changes: dict[str, Any],
) -> None:
    _, *lines = scheduler_refusal(settings(**changes)).splitlines()
    assert lines == [
        "  export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0",
        "  export DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING=False",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"python": "3.9.9"}, "Python is 3.9.9 there"),
        ({"distributed": "1"}, "distributed is 1 there"),
    ],
)
def test_a_scheduler_of_other_versions_is_refused(changes: dict[str, Any], reason: str) -> None:
    assert reason in scheduler_refusal(settings(**changes))
