"""All that an implementation from outside may import of its own counts, and nothing else."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from bench.planning.describing import describe
from bench.planning.loading import load_class, places_of
from bench.planning.source import own_files
from bench.planning.source.own_files import own_source

ROW = """
from dataclasses import dataclass
{imports}

@dataclass
class Row:
    device: str = "cpu"
    seed: int = 0
    def fit(self, train, training=None): return self
    def predict(self, users, items): return {used}
"""
DEEP = {
    "a folder without __init__": ("from lib.core import C", "C", {"lib/core.py": "C = 1\n"}),
    "a folder in a folder": ("import lib.a.b.core as x", "x.C", {"lib/a/b/core.py": "C = 1\n"}),
    "a package beside the one that imports it": (
        "from lib.core import C",
        "C",
        {"lib/core.py": "from other.deep.x import C\n", "other/deep/x.py": "C = 1\n"},
    ),
    "a relative import from the package above": (
        "from lib.a.x import C",
        "C",
        {"lib/a/x.py": "from ..b.y import C\n", "lib/b/y.py": "C = 1\n"},
    ),
    "a re-export": (
        "import lib",
        "lib.C",
        {"lib/__init__.py": "from .core import C\n", "lib/core.py": "C = 1\n"},
    ),
    "a re-export of everything of everything": (
        "from lib import *",
        "C",
        {
            "lib/__init__.py": "from .core import *\n",
            "lib/core.py": "from .deep import *\n",
            "lib/deep.py": "C = 1\n",
        },
    ),
    "two modules that import everything of each other": (
        "from p import *",
        "C",
        {"p.py": "from q import *\nA = 1\n", "q.py": "from p import *\nC = 1\n"},
    ),
    "a name of the package that a module of it asks for": (
        "from lib.core import f",
        "f()",
        {"lib/core.py": "from . import C\ndef f(): return C\n", "lib/__init__.py": "C = 1\n"},
    ),
    "everything of the package that a module of it asks for": (
        "from lib.core import f",
        "f()",
        {"lib/core.py": "from . import *\ndef f(): return C\n", "lib/__init__.py": "C = 1\n"},
    ),
    "the package, by an import of its module": (
        "import lib.core",
        "lib.C",
        {"lib/core.py": "", "lib/__init__.py": "C = 1\n"},
    ),
    "a module that another module imports": (
        "import lib, other",
        "lib.core.C",
        {"lib/__init__.py": "", "other.py": "import lib.core\n", "lib/core.py": "C = 1\n"},
    ),
    "a module that goes before a package's own name": (
        "from lib import core",
        "core",
        {
            "lib/__init__.py": "from .other import C as core\n",
            "lib/core.py": "",
            "lib/other.py": "C = 1\n",
        },
    ),
    "a package where there is a module of its name": (
        "from lib import C",
        "C",
        {"lib.py": "C = 0\n", "lib/__init__.py": "C = 1\n"},
    ),
    "an __init__ above a folder without one": (
        "from lib.a.core import C",
        "C",
        {"lib/a/core.py": "C = 0\n", "lib/__init__.py": "import math\nmath.C = 1\n"},
    ),
    "what a module makes on request": (
        "from lib import X",
        "X",
        {
            "lib/__init__.py": "def __getattr__(name):\n    from lib.core import C\n    return C\n",
            "lib/core.py": "C = 1\n",
        },
    ),
    "a function that a decorator stores": (
        "from lib.table import R\nimport lib.f",
        "R['f']()",
        {
            "lib/table.py": "R = {}\ndef add(f):\n    R[f.__name__] = f\n    return f\n",
            "lib/f.py": "from .table import add\n@add\ndef f():\n    C = 1\n    return C\n",
        },
    ),
    "a call whose result nothing uses": (
        "from lib.table import R\nimport lib.f",
        "R",
        {
            "lib/table.py": "R = []\ndef add(x):\n    R.append(x)\n",
            "lib/f.py": "from .table import add\nnothing = add([C := 1])\n",
        },
    ),
    "a user's own protocol.py": ("import protocol", "protocol.C", {"protocol.py": "C = 1\n"}),
    "a module that `*` of its package imports": (
        "from lib import *",
        "core.C",
        {"lib/__init__.py": "__all__ = [*map(str.lower, ['CORE'])]\n", "lib/core.py": "C = 1\n"},
    ),
    "what is imported as a function runs": (
        "def f():\n    import lib.core as x\n    return x.C",
        "f()",
        {"lib/core.py": "C = 1\n"},
    ),
    "a module that a subclass registers in": (
        "import reg, lib.core",
        "reg.ALL[0].v",
        {
            "reg.py": "ALL = []\nclass B:\n    def __init_subclass__(cls): ALL.append(cls)\n",
            "lib/core.py": "from reg import B\nclass D(B):\n    v = C = 1\n",
        },
    ),
    "what knows its subclasses": (
        "import reg, lib.core",
        "reg.B.__subclasses__()[0].v",
        {"reg.py": "class B: ...\n", "lib/core.py": "from reg import B\nclass D(B): C = 1\n"},
    ),
    "what receives the name that it is set under": (
        "import reg, lib.core",
        "reg.ALL[0].v",
        {
            "reg.py": "ALL = []\nclass F:\n    def __init__(self, v): self.v = v\n"
            "    def __set_name__(self, owner, name): ALL.append(self)\n",
            "lib/core.py": "from reg import F\nC = 1\nclass D:\n    f = F(C)\n",
        },
    ),
    "an augmented list": (
        "import reg, lib.core",
        "reg.R[0]",
        {"reg.py": "R = []\n", "lib/core.py": "from reg import R\nC = 1\nR += [C]\n"},
    ),
    "a file that Python cannot parse": (
        "try:\n    import broken\nexcept SyntaxError:\n    pass",
        "1",
        {"broken.py": "def (:\n    C = 1\n"},
    ),
    "a file with a NUL": (
        "try:\n    import broken\nexcept Exception: pass",
        "1",
        {"broken.py": "\0C = 1\n"},
    ),
    "a compiled module": ("import fast", "fast.f()", {f"fast{EXTENSION_SUFFIXES[0]}": "C = 1"}),
    "a compiled module beside its source": (
        "import lib.fast",
        "lib.fast.f()",
        {"lib/fast.py": "", f"lib/fast{EXTENSION_SUFFIXES[-1]}": "C = 1"},
    ),
}


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def of(file: Path, module: str = "") -> str:
    return own_source((file, module))[0]


@pytest.mark.parametrize(("imports", "used", "files"), DEEP.values(), ids=DEEP)
def test_what_its_own_folder_holds_counts_however_deep(
    tmp_path: Path, imports: str, used: str, files: dict[str, str]
) -> None:
    written(tmp_path, {"own.py": ROW.format(imports=imports, used=used), **files})
    first = of(tmp_path / "own.py")
    [(changed, text)] = [
        each for each in files.items() if "C = 1" in each[1] or "C := 1" in each[1]
    ]
    written(tmp_path, {changed: text.replace("= 1", "= 2")})
    assert of(tmp_path / "own.py") != first


def test_a_class_that_another_file_defines_counts_with_the_file_that_was_requested(
    tmp_path: Path,
) -> None:
    row = ROW.format(imports="", used="self.c")
    written(tmp_path, {"lib/core.py": row, "own.py": "from lib.core import Row\nRow.c = 1\n"})
    digests = []
    for text in ("Row.c = 1", "Row.c = 2"):
        written(tmp_path, {"own.py": f"from lib.core import Row\n{text}\n"})
        described = describe(f"{tmp_path}/own.py:Row", "default", {}, None)
        digests.append(described.implementation_hash)
    assert digests[0] != digests[1]


@pytest.mark.parametrize(("folder", "counts"), [("proj", True), ("lib/site-packages", False)])
def test_a_package_beside_an_installed_one_is_other_peoples(
    tmp_path: Path, folder: str, counts: bool
) -> None:
    root = tmp_path / folder
    row = ROW.format(imports="from shared.core import C", used="C")
    written(root, {"mine/__init__.py": "", "mine/rows.py": row, "shared/core.py": "C = 1\n"})
    file = root / "mine" / "rows.py"
    first = of(file, "mine.rows")
    written(root, {"shared/core.py": "C = 2\n"})
    assert (of(file, "mine.rows") != first) == counts


NOT_FOLLOWED = {
    'import importlib\nm = importlib.import_module("lib." + "core")': "import_module",
    'import importlib\nm = importlib.import_module("lib.core")': "import_module",
    'from importlib import import_module as load\nm = load("lib.core")': "import_module",
    "import importlib\nm = importlib.import_module('.x', 'lib')": "import_module",
    'm = __import__("lib.core")': "__import__",
    "exec(open('lib/core.py').read())": "exec",
    "import runpy\nm = runpy.run_path('lib/core.py')": "run_path",
    "import importlib.util as u\nm = u.spec_from_file_location('m', 'lib/core.py')": (
        "spec_from_file_location"
    ),
    "import sys\nsys.path.insert(0, 'lib')": "sys.path",
    "import sys as s\ns.path += ['lib']": "sys.path",
    "from sys import path\npath.append('lib')": "sys.path",
    "import ctypes\nm = ctypes.CDLL('lib/fast.so')": "CDLL",
    "import sys\nm = sys.modules['lib.core']": "sys.modules",
    "from sys import modules as k\nm = k.get('lib')": "sys.modules",
    "import builtins\nm = builtins.__import__('lib.core')": "__import__",
    "import builtins as b\nb.exec('m = 1')": "exec",
    "import pkgutil\nm = pkgutil.resolve_name('lib.core:A')": "resolve_name",
    "import importlib\nload = importlib.import_module": "import_module",
    "import pkgutil\nm = [*pkgutil.iter_modules(['lib'])]": "iter_modules",
}


@pytest.mark.parametrize(("code", "what"), NOT_FOLLOWED.items(), ids=NOT_FOLLOWED.values())
def test_what_cannot_be_followed_is_listed(tmp_path: Path, code: str, what: str) -> None:
    body = ROW.format(imports="from lib.load import m", used="1")
    written(tmp_path, {"own.py": body, "lib/load.py": f"m = 1\n{code}\n", "lib/core.py": ""})
    _, found = own_source((tmp_path / "own.py", ""))
    assert [each.split(": ") for each in found] == [
        [f"lib/load.py:{2 + code.count(chr(10))}", what]
    ]


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nm = importlib.import_module('json')",
        "import torch, re\nm = re.compile('a')\nt = torch.nn.Linear(1, 1).eval()",
        "import os\nm = os.path.join('a', 'b')",
        "import sys\nm = sys.modules[__name__], sys.argv",
        "import sys\nm = 'own' in sys.modules and sys.modules['json']",
        "import pkgutil\nm = pkgutil.resolve_name('json:loads')",
        "m = globals()['Row']",
    ],
)
def test_what_loads_no_own_code_is_not_listed(tmp_path: Path, code: str) -> None:
    written(tmp_path, {"own.py": ROW.format(imports=code, used="m")})
    assert own_source((tmp_path / "own.py", ""))[1] == []


PAIRS = {
    "constants of two files exchanged": (
        {
            "own.py": "import few, many\n",
            "few.py": "from lib.few import K\n",
            "many.py": "from lib.many import K\n",
            "lib/few.py": "K = 1\n",
            "lib/many.py": "K = 2\n",
        },
        {"lib/few.py": "K = 2\n", "lib/many.py": "K = 1\n"},
    ),
    "a module of the script's folder, where another stands beside the importing one": (
        {
            "own.py": "from lib.a import value\n",
            "lib/a.py": "from settings import MEAN as value\n",
            "settings.py": "MEAN = 1\n",
            "lib/settings.py": "MEAN = 0\n",
        },
        {"settings.py": "MEAN = 2\n"},
    ),
    "a module beside the importing one, where another stands in the script's folder": (
        {
            "own.py": "from lib.a import value\n",
            "lib/a.py": "from settings import MEAN as value\n",
            "settings.py": "MEAN = 1\n",
            "lib/settings.py": "MEAN = 0\n",
        },
        {"lib/settings.py": "MEAN = 2\n"},
    ),
    "a module in the way that was not there": (
        {"own.py": "from lib.a import MEAN\n", "lib/a.py": "from settings import MEAN\n"},
        {"lib/settings.py": "MEAN = 2\n"},
    ),
    "two imports of everything exchanged": (
        {"own.py": "from a import *\nfrom b import *\n", "a.py": "A = 1\n", "b.py": "A = 2\n"},
        {"own.py": "from b import *\nfrom a import *\n"},
    ),
    "two imports of one name exchanged": (
        {"own.py": "from h import A\nfrom k import A\n", "h.py": "A = 1\n", "k.py": "A = 2\n"},
        {"own.py": "from k import A\nfrom h import A\n"},
    ),
    "a name that is set before it is imported": (
        {"own.py": "A = 9\nfrom h import A\n", "h.py": "A = 1\n"},
        {"own.py": "from h import A\nA = 9\n"},
    ),
    "an expression too deep to walk": (
        {"own.py": f"A = {' + '.join(['1'] * 2000)} + 1\n"},
        {"own.py": f"A = {' + '.join(['1'] * 2000)} + 2\n"},
    ),
    "a number of many digits": (
        {"own.py": f"A = 0x{'f' * 5000}\n"},
        {"own.py": f"A = 0x{'f' * 4999}e\n"},
    ),
    "a built-in row that a class extends": (
        {"own.py": "from impls.bias import Bias\n"},
        {"own.py": "from impls.als import Bias\n"},
    ),
}


@pytest.mark.parametrize(("before", "after"), PAIRS.values(), ids=PAIRS)
def test_what_changes_a_result_counts(
    tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    written(tmp_path, before)
    first = of(tmp_path / "own.py")
    written(tmp_path, after)
    assert of(tmp_path / "own.py") != first


def test_a_built_in_file_counts_and_the_protocol_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    shutil.copytree(own_files.IMPLS, project / "impls")
    monkeypatch.setattr(own_files, "IMPLS", project / "impls")
    imports = "from impls.bias import Bias\nfrom impls.protocol import Training\n"
    written(tmp_path, {"mine/own.py": imports})
    digests = [of(tmp_path / "mine" / "own.py")]
    for name in ("protocol.py", "registry.py", "kernels/chunks.py", "bias.py"):
        with (project / "impls" / name).open("a") as file:
            file.write("CHANGED = 1\n")
        digests.append(of(tmp_path / "mine" / "own.py"))
    assert digests[0] == digests[1] == digests[2]
    assert len({*digests[2:]}) == 3
    with (project / "impls" / "bias.py").open("a") as file:
        file.write("exec('')\n")
    written(project, {"own.py": imports})
    in_project = own_source((project / "own.py", ""))
    assert in_project == own_source((tmp_path / "mine" / "own.py", ""))
    assert in_project[1] == []  # what a built-in row loads is the project's own to know


def test_a_comment_a_docstring_a_copy_and_a_rename_change_nothing(tmp_path: Path) -> None:
    files = {"own.py": ROW.format(imports="from lib.a import C", used="C"), "lib/a.py": "C = 1\n"}
    written(tmp_path / "one", files)
    mended = {name: f'"""Mended."""\n{text}\n\n# why\n' for name, text in files.items()}
    written(tmp_path / "deep" / "other", {"renamed.py": mended.pop("own.py"), **mended})
    assert of(tmp_path / "deep" / "other" / "renamed.py") == of(tmp_path / "one" / "own.py")


def test_a_file_that_nothing_imports_does_not_count(tmp_path: Path) -> None:
    imports = "from lib.a import C\nfrom datasets import load\n"
    written(tmp_path, {"own.py": imports, "lib/a.py": "C = 1\n"})
    first = of(tmp_path / "own.py")
    written(tmp_path, {"other.py": "C = 1\n", "lib/b.py": "C = 1\n", "datasets.py": "C = 1\n"})
    assert of(tmp_path / "own.py") == first


def test_a_class_that_a_call_makes_counts_with_its_file(tmp_path: Path) -> None:
    made = (
        "import types\nfrom dataclasses import dataclass\n"
        "def fill(space):\n"
        "    space['__annotations__'] = {'device': str, 'seed': int}\n"
        "    space.update(device='cpu', seed=0, __module__='types')\n"
        "    space.update(fit=lambda *_: None, predict=lambda *_: {})\n"
        "Row = dataclass(types.new_class('Row', (), {{}}, fill))\n"
    ).replace("{{}}", "{}")
    digests = set()
    for value in (1, 2):
        text = made.replace("lambda *_: {}", f"lambda *_: {value}")
        written(tmp_path, {"own.py": text})
        described = describe(f"{tmp_path}/own.py:Row", "default", {}, None)
        digests.add(described.implementation_hash)
        assert described.unfollowed == ()
    assert len(digests) == 2


def test_an_installed_class_counts_with_its_package(tmp_path: Path) -> None:
    written(tmp_path, {"mine/__init__.py": "C = 1\n", "mine/rows.py": ""})
    first = of(tmp_path / "mine" / "rows.py", "mine.rows")
    written(tmp_path, {"mine/__init__.py": "C = 2\n"})
    assert of(tmp_path / "mine" / "rows.py", "mine.rows") != first


@pytest.mark.parametrize(("changed", "counts"), [("pkg/other.py", True), ("other.py", False)])
def test_of_a_package_around_the_script_what_it_imports_counts(
    tmp_path: Path, changed: str, counts: bool
) -> None:
    inits = dict.fromkeys(("pkg/__init__.py", "pkg/inner/__init__.py"), "")
    own = {"pkg/inner/own.py": "from pkg.helper import C\n", "pkg/helper.py": "import other\n"}
    written(tmp_path, {**inits, **own, "pkg/other.py": "C = 1\n"})
    first = of(tmp_path / "pkg" / "inner" / "own.py")
    written(tmp_path, {changed: "C = 2\n"})
    assert (of(tmp_path / "pkg" / "inner" / "own.py") != first) == counts


def test_a_class_of_another_folder_counts_with_what_it_imports_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {"mine/own.py": "from far import Row\n", "away/near.py": "C = 1\n"})
    written(tmp_path, {"away/far.py": ROW.format(imports="from near import C", used="C")})
    searched = os.pathsep.join(filter(None, [f"{tmp_path}/away", os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", searched)
    digests = set()
    for value in (1, 2):
        written(tmp_path, {"away/near.py": f"C = {value}\n"})
        described = describe(f"{tmp_path}/mine/own.py:Row", "default", {}, None)
        digests.add(described.implementation_hash)
    assert len(digests) == 2


FORGES = """
import json, os, sys
described = {"model": "Row", "library": "", "devices": ["cpu"], "implementation_hash": "forged",
             "hyperparameters": {}, "unfollowed": []}
with open(json.loads(sys.argv[1])[-1], "w") as answer:
    json.dump({"described": described, "places": PLACES}, answer)
exec("os._exit(0)")
"""


@pytest.mark.parametrize("class_path", ["{}/own.py:Row", "mine.own:Row"])
@pytest.mark.parametrize("places", ["[]", "[('', ''), ('/dev/zero', ''), ('/no.py', 'no')]"])
def test_code_that_is_imported_does_not_answer_for_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, class_path: str, places: str
) -> None:
    text = FORGES.replace("PLACES", places)
    written(tmp_path, {"own.py": text, "mine/__init__.py": "", "mine/own.py": text})
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    module = class_path.partition(":")[0] if class_path.startswith("mine") else ""
    file = tmp_path / ("mine/own.py" if module else "own.py")
    described = describe(class_path.format(tmp_path), "default", {}, None)
    digest, unfollowed = own_source((file, module))
    assert (described.model, described.implementation_hash) == ("Row", digest)
    assert described.unfollowed == tuple(unfollowed) != ()


@pytest.mark.parametrize("name", ["mine.own", "mine"])
def test_the_source_of_a_class_is_what_its_import_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Though it is found without one, which would run the package's code."""
    row = ROW.format(imports="from away import C", used="C")
    written(tmp_path, {"mine/__init__.py": "from mine.own import Row\n", "mine/own.py": row})
    written(tmp_path, {"away.py": "C = 1\n"})
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    described = describe(f"{name}:Row", "default", {}, None)
    assert "mine" not in sys.modules
    try:
        places = places_of(load_class(f"{name}:Row"), f"{name}:Row")
    finally:
        for each in ("mine.own", "mine", "away"):
            sys.modules.pop(each, None)
    assert described.implementation_hash == own_source(*places)[0]
