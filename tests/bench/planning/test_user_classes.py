"""Dataclasses in every form: they work, or the true reason is named."""

from __future__ import annotations

import json
import os
import select
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.commands import listing
from bench.planning import describing, loading
from bench.planning.describing import describe
from bench.planning.loading import (
    ImplementationError,
    NotImportableError,
    class_path_of,
    load_class,
    restored,
)
from bench.planning.plan import Cell, Planner
from bench.planning.presets import SettingError, resolve
from bench.planning.suite import Block, Suite
from datasets.ratings import HeldOut, Ratings
from impls.protocol import Training, attributes_of, rmse_of
from tests.support import SUPPORT, plans

CLASSES = SUPPORT / "user_classes.py"


def user(name: str) -> type[Any]:
    return load_class(f"{CLASSES}:{name}")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("text=5", "5"),
        ("text=true", "true"),
        ("text=None", "None"),
        ("text=[1]", "[1]"),
        ("text='5'", "5"),
        ("maybe=5", 5),
        ("maybe=None", None),
        ("one_of=1", "1"),
        ("one_of=b", "b"),
        ("number_of=2", 2),
        ("many=1,2", (1, 2)),
        ("many=[1, 2]", (1, 2)),
        ("pair=3,4", (3, 4)),
        ("listed=[3]", [3]),
        ("rate=1", 1.0),
        ("rate=1e-3", 0.001),
        ("flag=yes", True),
        ("kind=5", "5"),
        ("attribute=5", 5),
        ("attribute=five", "five"),
        ("made=7", 7),
    ],
)
def test_a_setting_becomes_what_the_field_is(setting: str, value: object) -> None:
    name, _, text = setting.partition("=")
    for each in ("Typed", "Child"):
        found = resolve(user(each), {}, {name: text})[name]
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "setting", "reason"),
    [
        ("Typed", "unknown=5", "not known when the class runs (name 'Kind' is not defined)"),
        ("Typed", "maybe=x", "Typed.maybe=x: input should be a valid integer"),
        ("Typed", "one_of=c", "input should be '1' or 'b'"),
        ("Typed", "number_of=3", "input should be 1 or 2"),
        ("Typed", "many=1", "input should be a valid tuple"),
        ("Typed", "rate=inf", "Typed.rate is inf"),
        ("Typed", "array=1", "text cannot become numpy.ndarray | None"),
        ("Typed", "function=f", "input should be callable"),
        ("Typed", "start=5", "cannot be set: it is an InitVar or ClassVar"),
        ("Typed", "count=5", "cannot be set: it is an InitVar or ClassVar"),
        ("Typed", "derived=5", "cannot be set: it is a field with init=False"),
        ("Typed", "seed=5", "an option of the command sets it"),
        ("Required", "rank=5", "missing 1 required keyword-only argument: 'pair'"),
        ("NeedsStart", "", "missing 1 required positional argument: 'start'"),
        ("SetsAnInitVar", "", "SetsAnInitVar.start cannot be set: it is an InitVar"),
    ],
)
def test_what_cannot_be_set_is_named(name: str, setting: str, reason: str) -> None:
    field, _, text = setting.partition("=")
    preset = loading.describe(user(name)).presets["default"]
    with pytest.raises(SettingError) as error:
        resolve(user(name), preset, {field: text} if field else {})
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Typed", {"many": (3, 4), "pair": (1, 2), "listed": [1]}),
        ("Required", {"rank": 1, "pair": (1, 2)}),
    ],
)
def test_tuples_come_back_from_a_record(name: str, values: dict[str, Any]) -> None:
    assert restored(user(name), json.loads(json.dumps(values))) == values


@pytest.mark.parametrize("name", ["Typed", "Slotted", "Frozen", "Child"])
def test_the_best_epoch_comes_back(name: str) -> None:
    train = Ratings(np.array([0, 1]), np.array([0, 1]), np.array([2, 4], np.float32), 2, 2, (1, 5))
    model = user(name)()
    held = HeldOut(train.users, train.items, train.values)
    model.fit(train, Training(model, held))
    assert attributes_of(model)["mean_"] == 3.0
    assert rmse_of(model, held) == 1.0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Asserts", "__init__: AssertionError: rank must be even"),
        ("Exits", "__init__ ended its process with exit code 3"),
        ("Interrupts", "__init__: KeyboardInterrupt: "),
        ("Hangs", "__init__ did not end within 3 s"),
        ("HangsAtExit", "its exit did not end within 3 s"),
    ],
)
def test_what_happens_in_a_constructor_is_no_import(
    name: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "IMPORT_LIMIT_S", 3)
    with pytest.raises(NotImportableError) as error:
        describe(f"{CLASSES}:{name}", "default", {}, None)
    assert (error.value.status, error.value.reason) == ("failed", reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ListsPresets", "ListsPresets.presets is ['fast'], and not a dict of dicts"),
        ("PresetOfNothing", "PresetOfNothing.presets['fast'] is not a dict"),
        ("TextOfDevices", "TextOfDevices.devices is 'cpu', and not a tuple such as"),
    ],
)
def test_a_wrong_description_of_a_class_is_named(name: str, reason: str) -> None:
    with pytest.raises(ImplementationError) as error:
        loading.describe(user(name))
    assert reason in str(error.value)


@pytest.mark.parametrize("name", ['a"b', "a'b", "a\nb", "a b", "a\x1bb", "ä漢", "a\udcffb"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_bytes(CLASSES.read_bytes())
    described = describe(class_path_of(f"{path}:Frozen"), "default", {}, None)
    assert described.hyperparameters == {"rank": 3}


def points(monkeypatch: pytest.MonkeyPatch, *named: tuple[str, str]) -> None:
    """Let these be the entry points of installed packages."""
    group = loading.ENTRY_POINT_GROUP
    found = [EntryPoint(name, value, group) for name, value in named]
    monkeypatch.setattr(loading, "_entry_points", lambda: found)


def test_an_entry_point_called_like_a_built_in_row_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points(monkeypatch, ("bias", "mine:Bias"))
    notices: list[str] = []

    def plan(name: str) -> list[Cell]:
        block = Block(implementations=[name], datasets=["with-goals"], devices=["cpu"])
        planner = Planner(plans.facts, lambda *_: None, threads=1, on_notice=notices.append)
        return planner.plan(Suite(name="test", description="", blocks=[block]))

    (cell,) = plan("bias")
    assert cell.class_path == "impls.bias:Bias"
    assert notices == [
        "'bias' is the built-in implementation: mine:Bias has its name, and cannot be run"
    ]
    plan("global_mean")
    assert len(notices) == 1
    assert notices[0] in [row[-1] for row in listing._implementations()]


def test_two_entry_points_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, ("mine", "a:A"), ("mine", "b:B"), ("twice", "a:A"), ("twice", "a:A"))
    with pytest.raises(ImplementationError, match="an implementation 'mine': a:A, b:B; uninstall"):
        class_path_of("mine")
    assert class_path_of("twice") == "a:A"  # one package, found in two places


@pytest.mark.parametrize(
    ("value", "path"), [("a.b:C", "a.b:C"), ("a:C [gpu]", "a:C"), ("a : C", "a:C")]
)
def test_an_entry_point_is_read_as_packages_write_it(
    monkeypatch: pytest.MonkeyPatch, value: str, path: str
) -> None:
    points(monkeypatch, ("mine", value))
    assert class_path_of("mine") == path


@pytest.mark.parametrize("value", ["mine", "mine:", ":Mine"])
def test_an_entry_point_without_a_class_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    points(monkeypatch, ("row", value))
    with pytest.raises(ImplementationError, match=f"'row' is {value}, and not module:Class"):
        class_path_of("row")


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.module"])
def test_a_module_that_is_not_there_is_nothing_to_install(module: str) -> None:
    with pytest.raises(NotImportableError) as error:
        load_class(f"{module}:Mine")
    assert error.value.status == "failed"
    assert "No module named 'no_such_" in error.value.reason


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "raise ValueError('x' * 10**6)",
            f"import: ValueError: {'x' * 1000}… (1,000,000 characters)",
        ),
        ("raise ValueError('one\\ntwo')", "import: ValueError: one"),
        ("print('漢\\udcff'); raise OSError('no')", "import: OSError: no"),
    ],
)
def test_the_reason_of_an_import_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, reason: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:strict")
    (tmp_path / "row.py").write_text(statement, encoding="utf-8")
    with pytest.raises(NotImportableError) as error:
        describe(f"{tmp_path}/row.py:Row", "default", {}, None)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "ending", ["", "import time; time.sleep(3600)", "os.kill(os.getpid(), 11)"]
)
def test_an_import_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Neither of its own nor, where it hangs or crashes, itself."""
    monkeypatch.setattr(describing, "IMPORT_LIMIT_S", 3)
    fifo, script = tmp_path / "fifo", tmp_path / "row.py"
    os.mkfifo(fifo)
    script.write_text(
        "import os, subprocess\n"
        f"pipe = os.open({str(fifo)!r}, os.O_WRONLY)\n"
        'subprocess.Popen(["sleep", "3600"], pass_fds=(pipe,))\n'
        f"{ending}\n",
        encoding="utf-8",
    )
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(ImplementationError) as error:
        describe(f"{script}:Row", "default", {}, None)
    assert select.select([reader], [], [], 20)[0]  # the end of a pipe that nobody holds
    os.close(reader)
    if "kill" in ending:
        assert str(error.value) == "import: crashed with SIGSEGV (Segmentation fault)"
