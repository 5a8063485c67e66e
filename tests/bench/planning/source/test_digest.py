"""A digest of meaning: it outlives comments, formatters and moves, and sees every other change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.planning.describing import describe
from bench.planning.source.digest import reached, source_digest
from impls.registry import IMPLEMENTATIONS, RENAMED

CHECKOUT = Path(__file__).parents[4]
NUMBA = "impls/numba_sgd.py"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(CHECKOUT / "impls", tmp_path / "impls")
    return tmp_path


def digest(root: Path) -> str:
    return source_digest(root / NUMBA, "NumbaSGD")


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def kernel_of(root: Path) -> Path:
    """The file of a kernel that numba_sgd imports, wherever the layout has it."""
    files = {path for path, _ in reached(root / NUMBA, "NumbaSGD") if path.stem == "blocked"}
    return files.pop()


def test_comments_docstrings_and_formatting_change_nothing(copy: Path) -> None:
    first = digest(copy)
    for file in copy.rglob("*.py"):
        text = file.read_text()
        file.write_text(text.replace('"""', '"""Mended. ', 1) + "\n# a comment\n\n")
    edit(copy, NUMBA, "1 << 19", "(1  <<\n    19)")
    assert digest(copy) == first


def test_a_moved_module_changes_nothing(copy: Path) -> None:
    first = digest(copy)
    kernel = kernel_of(copy)
    old = ".".join(kernel.relative_to(copy).with_suffix("").parts)
    (copy / "impls" / "elsewhere").mkdir()
    (copy / "impls" / "elsewhere" / "__init__.py").touch()
    kernel.rename(copy / "impls" / "elsewhere" / "renamed.py")
    for file in copy.rglob("*.py"):
        file.write_text(file.read_text().replace(old, "impls.elsewhere.renamed"))
    assert "impls.elsewhere.renamed" in (copy / NUMBA).read_text()
    assert digest(copy) == first


def test_a_definition_moved_to_another_file_changes_nothing(copy: Path) -> None:
    first = digest(copy)
    edit(copy, NUMBA, "CACHE_BYTES = 1 << 19", "from impls.sizes import CACHE_BYTES")
    (copy / "impls" / "sizes.py").write_text("CACHE_BYTES = 1 << 19\n")
    assert digest(copy) == first


def test_what_the_class_does_not_reach_changes_nothing(copy: Path) -> None:
    first = digest(copy)
    kernel = kernel_of(copy)
    kernel.write_text(kernel.read_text() + "\n\ndef unused() -> int:\n    return 7\n")
    assert digest(copy) == first


@pytest.mark.parametrize(
    ("old", "new"),
    [("1 << 19", "1 << 18"), ("1 << 19", "1 >> 19"), ("import numba\n", "import numba as numba\n")],
)
def test_a_changed_constant_or_operator_counts(copy: Path, old: str, new: str) -> None:
    first = digest(copy)
    edit(copy, NUMBA, old, new)
    assert (digest(copy) != first) == (old != "import numba\n")


def test_a_changed_constant_in_a_kernel_counts(copy: Path) -> None:
    first = digest(copy)
    edit(copy, str(kernel_of(copy).relative_to(copy)), "np.uint16", "np.uint32")
    assert digest(copy) != first


def test_another_function_of_one_name_from_outside_counts(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    body = "from {} import solve\n\nclass Own:\n    def fit(self): return solve()\n"
    file.write_text(body.format("scipy.linalg"))
    first = source_digest(file, "Own")
    file.write_text(body.format("numpy.linalg"))
    assert source_digest(file, "Own") != first


def test_what_a_module_does_besides_definitions_counts(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("import torch\n\nclass Own: pass\n")
    first = source_digest(file, "Own")
    file.write_text("import torch\n\ntorch.set_num_threads(1)\n\nclass Own: pass\n")
    assert source_digest(file, "Own") != first


def test_what_an_imported_module_does_counts_though_nothing_of_it_is_used(tmp_path: Path) -> None:
    file, helper = tmp_path / "own.py", tmp_path / "helper.py"
    file.write_text("import helper\n\nclass Own: pass\n")
    helper.write_text("import torch\n")
    first = source_digest(file, "Own")
    helper.write_text("import torch\n\ntorch.manual_seed(3)\n")
    assert source_digest(file, "Own") != first


def test_a_deep_module_beside_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").touch()
    core = tmp_path / "lib" / "core.py"
    core.write_text("C = 1\nD = 1\n")
    file = tmp_path / "own.py"
    for statement, used in (
        ("from lib.core import C", "C"),
        ("from lib import core", "core.C"),
        ("import lib.core", "lib.core.C"),
        ("from lib.core import *", "C"),
        ("def f():\n    from lib.core import C\n    return C", "f"),
    ):
        core.write_text("C = 1\nD = 1\n")
        file.write_text(f"{statement}\n\nclass Own:\n    c = {used}\n")
        first = source_digest(file, "Own")
        core.write_text("C = 2\nD = 1\n")
        assert source_digest(file, "Own") != first, statement


@pytest.mark.parametrize(("folder", "different"), [("impls", 2), ("mine", 3)])
def test_a_listed_rename_changes_nothing_in_built_in_rows(
    tmp_path: Path, folder: str, different: int
) -> None:
    old, new = next(iter(RENAMED.items()))
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "__init__.py").touch()
    digests = set()
    for name in (old, new, "another"):
        file = tmp_path / folder / "own.py"
        presets = f"{{'a': {{'{name}': 2}}}}"
        file.write_text(f"class Own:\n    {name}: int = 1\n    presets = {presets}\n")
        digests.add(source_digest(file, "Own"))
    assert len(digests) == different


FACTORY = "def make(k):\n    class Row:\n        c = k\n    return Row\n\nOwn = make({})\n"
USES_HELPER = "import helper\nclass Row:\n    c = helper.c\n"
PAIRS = {
    "a class that a factory makes": ({"own.py": FACTORY.format(1)}, {"own.py": FACTORY.format(2)}),
    "a re-export through a module": (
        {
            "own.py": "import helper\nclass Row:\n    c = helper.c\n",
            "helper.py": "from core import c",
        },
        {"core.py": "c = 2\n"},
    ),
    "a re-export from outside": (
        {
            "own.py": "import helper\nclass Row:\n    c = helper.c\n",
            "helper.py": "from math import c",
        },
        {"helper.py": "from cmath import c"},
    ),
    "the first of two imports of one name": (
        {
            "own.py": "try:\n    from core import c\nexcept ImportError:\n"
            "    from helper import c\nclass Row:\n    d = c\n",
            "helper.py": "c = 1",
        },
        {"core.py": "c = 2\n"},
    ),
    "imports that change places": (
        {
            "own.py": "from core import c as a, d as b\nclass Row:\n    e = a - b\n",
            "core.py": "c = 1\nd = 2\n",
        },
        {"own.py": "from core import d as a, c as b\nclass Row:\n    e = a - b\n"},
    ),
    "equal names whose values change places": (
        {
            "own.py": "from core import f\nfrom helper import g\nclass Row:\n    e = f, g\n",
            "core.py": "C = 1\ndef f():\n    return C\n",
            "helper.py": "C = 2\ndef g():\n    return C + 0\n",
        },
        {
            "core.py": "C = 2\ndef f():\n    return C\n",
            "helper.py": "C = 1\ndef g():\n    return C + 0\n",
        },
    ),
    "the place of ** in a dict": (
        {"own.py": "class Row:\n    d = {**a, 'k': b}\n"},
        {"own.py": "class Row:\n    d = {'k': a, **b}\n"},
    ),
    "a default that changes places": (
        {"own.py": "class Row:\n    def f(*, a, b=1): ...\n"},
        {"own.py": "class Row:\n    def f(*, a=1, b): ...\n"},
    ),
    "what a package does on import": (
        {"own.py": "from lib.core import c\nclass Row:\n    d = c\n", "lib/core.py": "c = 1"},
        {"lib/__init__.py": "import torch\ntorch.manual_seed(1)\n"},
    ),
}


@pytest.mark.parametrize(("before", "after"), PAIRS.values(), ids=PAIRS)
def test_what_changes_a_result_counts(
    tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    (tmp_path / "lib").mkdir()
    for name, text in ({"core.py": "c = 1\n", "lib/__init__.py": ""} | before).items():
        (tmp_path / name).write_text(text)
    first = source_digest(tmp_path / "own.py", "Row")
    for name, text in after.items():
        (tmp_path / name).write_text(text)
    assert source_digest(tmp_path / "own.py", "Row") != first


def test_an_expression_too_deep_to_walk_is_digested_as_bytes(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    digests = set()
    for last in (1, 2):
        file.write_text(f"class Row:\n    c = {' + '.join(['1'] * 2000)} + {last}\n")
        digests.add(source_digest(file, "Row"))
    assert len(digests) == 2


def test_a_text_is_no_number(tmp_path: Path) -> None:
    file, digests = tmp_path / "own.py", set()
    for value in ("1", "'1'", "1.0", "True", "None", "b'1'"):
        file.write_text(f"class Own:\n    x = {value}\n")
        digests.add(source_digest(file, "Own"))
    assert len(digests) == 6


def test_every_built_in_row_has_a_digest_of_its_own() -> None:
    rows: dict[str, list[str]] = {}
    for name, class_path in IMPLEMENTATIONS.items():
        module, _, class_name = class_path.rpartition(":")
        found = source_digest(CHECKOUT / f"{module.replace('.', '/')}.py", class_name)
        rows.setdefault(found, []).append(name)
    assert [names for names in rows.values() if len(names) > 1] == []


def test_what_a_built_in_row_loads_is_the_projects_own_to_know() -> None:
    for class_path in IMPLEMENTATIONS.values():
        assert describe(class_path, "default", {}, None).unfollowed == ()
