"""Names to classes, and when a class counts as changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.planning.loading import class_path_of, describe, load_class, places_of, plugins
from bench.planning.source.own_files import own_source
from impls.registry import IMPLEMENTATIONS

SOURCE = """
from dataclasses import dataclass
from helper_of_{name} import CONSTANT
import numpy

@dataclass
class Own:
    '''What it does.

    More.
    '''
    device: str = "cpu"
    seed: int = 0
    def fit(self, train, training=None): ...
    def predict(self, users, items):
        return CONSTANT
"""


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_every_registered_name_loads_and_describes_itself(name: str) -> None:
    described = describe(load_class(class_path_of(name)))
    assert described.model
    assert described.summary
    assert "default" in described.presets


def test_a_change_beside_it_is_a_change_of_the_implementation(tmp_path: Path) -> None:
    file, helper = tmp_path / "own_a.py", tmp_path / "helper_of_a.py"
    file.write_text(SOURCE.format(name="a"))
    helper.write_text("CONSTANT = 1\n")
    class_path = class_path_of(f"{file}:Own")
    implementation = load_class(class_path)
    first = own_source(*places_of(implementation, class_path))[0]
    (tmp_path / "stranger.py").write_text("x = 1\n")
    assert own_source(*places_of(implementation, class_path))[0] == first
    helper.write_text("CONSTANT = 2\n")
    assert own_source(*places_of(implementation, class_path))[0] != first


@pytest.mark.parametrize(
    ("statement", "used"), [("import helper", "helper.X"), ("from helper import X", "X")]
)
def test_every_form_of_import_counts(tmp_path: Path, statement: str, used: str) -> None:
    file, helper = tmp_path / "own_c.py", tmp_path / "helper.py"
    helper.write_text("X = 1\n")
    source = SOURCE.format(name="c").replace("from helper_of_c import CONSTANT", statement)
    file.write_text(source.replace("return CONSTANT", f"return {used}"))
    class_path = class_path_of(f"{file}:Own")
    implementation = load_class(class_path)
    first = own_source(*places_of(implementation, class_path))[0]
    helper.write_text("X = 2\n")
    assert own_source(*places_of(implementation, class_path))[0] != first


def test_what_is_imported_from_elsewhere_in_the_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, inner = tmp_path / "own_package", tmp_path / "own_package" / "inner"
    inner.mkdir(parents=True)
    for folder in (package, inner):
        (folder / "__init__.py").touch()
    (package / "helper.py").write_text("X = 1\n")
    (tmp_path / "stranger.py").write_text("X = 1\n")
    (tmp_path / "helper_of_d.py").write_text("CONSTANT = 1\n")
    imports = "from own_package.helper import X\nimport stranger"
    (inner / "own_d.py").write_text(
        SOURCE.format(name="d")
        .replace("import numpy", f"import numpy\n{imports}")
        .replace("return CONSTANT", "return X")
    )
    monkeypatch.syspath_prepend(tmp_path)
    class_path = class_path_of(f"{inner}/own_d.py:Own")
    implementation = load_class(class_path)
    first = own_source(*places_of(implementation, class_path))[0]
    (tmp_path / "stranger.py").write_text("X = 2\n")
    assert own_source(*places_of(implementation, class_path))[0] == first
    (package / "helper.py").write_text("X = 2\n")
    assert own_source(*places_of(implementation, class_path))[0] != first


def test_a_class_from_outside_may_say_nothing_of_itself(tmp_path: Path) -> None:
    (tmp_path / "helper_of_b.py").write_text("CONSTANT = 1\n")
    (tmp_path / "own_b.py").write_text(SOURCE.format(name="b"))
    described = describe(load_class(class_path_of(f"{tmp_path}/own_b.py:Own")))
    assert described.model == "Own"
    assert described.devices == ("cpu",)
    assert described.presets == {"default": {}}
    assert described.summary == "What it does."


def test_an_entry_point_that_is_no_text_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, name in (("broken", b"\xff"), ("sound", b"good")):
        folder = tmp_path / f"{package}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        points = b"[ratebench.implementations]\n" + name + b" = a:B\n"
        (folder / "entry_points.txt").write_bytes(points)
    monkeypatch.syspath_prepend(tmp_path)
    assert [point.value for point in plugins()["good"]] == ["a:B"]
