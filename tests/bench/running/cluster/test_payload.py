"""A cell on its way to a machine is the same cell there."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.planning.plan import Cell, Skip
from bench.planning.rules import Rules
from bench.records import Reference
from bench.running.cluster.payload import Answer, File, Payload, Setting, UnreadableError
from tests.support.machines import cell, greeting

SETTING = Setting(
    run="run",
    options={"columns": "user=a,item=b", "missing": ""},
    test="test.csv",
    files={"a.csv": File(name="a.csv", digest="0" * 64, size=3)},
    sandbox="off",
    blind=True,
    blocks=5,
    memory_limit_bytes=10**12,
)


def arrived(sent: Cell, goals: tuple[float, ...] = ()) -> Payload:
    return Payload.from_json(Payload.of(sent, SETTING, goals).to_json())


def full() -> Cell:
    planned = cell(
        "a", unfollowed=("a.py:3: exec",), library="surprise", versions={"surprise": "1"}
    )
    values = {"hidden": (4, 2), "rate": 0.1, "name": "é\u2028", "none": None, "limit": math.inf}
    rules = Rules(patience=3, until_rmse=0.9, time_limit_s=math.inf)
    recorded = {"patience": 3, "until_rmse": 0.9, "time_limit_s": math.inf, "sparing": False}
    request = planned.request.model_copy(update={"hyperparameters": values, "rules": recorded})
    reference = Reference(rmse=0.9, source="a paper", protocol="u1")
    settings = {"rate": "0.1"}
    return replace(planned, request=request, rules=rules, reference=reference, settings=settings)


def test_all_that_decides_a_cell_arrives() -> None:
    sent, payload = full(), arrived(full(), (0.9, 0.8))
    there = payload.cell()
    environment = greeting("one").environment
    assert there.identity(environment) == sent.identity(environment)
    assert there.rules == sent.rules
    assert there.request.rules == sent.request.rules
    assert there.reference == sent.reference
    assert there.facts.data == sent.facts.data
    assert there.facts.goals == (0.9,)
    assert payload.goals == (0.9, 0.8)
    assert there.settings == sent.settings == {"rate": "0.1"}
    assert (there.class_path, there.unfollowed, there.library) == ("a", sent.unfollowed, "surprise")
    assert payload.setting == SETTING.model_copy(update={"files": {}})


def test_a_skip_arrives() -> None:
    payload = arrived(replace(full(), skip=Skip("skipped", "has no preset 'x'")))
    assert payload.cell().skip == Skip("skipped", "has no preset 'x'")


def test_what_is_not_a_payload_is_refused() -> None:
    with pytest.raises(UnreadableError):
        Payload.from_json("{}")
    for text in ('{"surprise": 1}', "{", "[]", "", "[" * 100_000, None):
        with pytest.raises(UnreadableError):
            Answer.from_json(text)  # type: ignore[arg-type]


def test_a_cell_brings_the_files_that_it_needs_and_no_other() -> None:
    file = File(name="f", digest="0" * 64, size=3)
    setting = SETTING.model_copy(
        update={"files": {f"{n}.csv": file for n in "abc"} | {"test.csv": file}}
    )
    there = Payload.from_json(Payload.of(cell("a", 0, "b.csv"), setting, ()).to_json())
    assert there.setting.files.keys() == {"b.csv", "test.csv"}
    assert there.setting.model_copy(update={"files": setting.files}) == setting
