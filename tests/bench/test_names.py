"""Another package `datasets`: ratebench's own wins, and code for the other fails, with the reason.

Hugging Face's is the famous one. A package that ends its process at import stands for it here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.commands import doctor
from bench.planning.describing import describe
from bench.planning.loading import NotImportableError, hidden_package
from bench.store import RecordStore
from tests.support.command_line import BENCH, write

ROOT = Path(__file__).parents[2]
ROW = """
from dataclasses import dataclass
{imports}
@dataclass
class Row:
    device: str = "cpu"
    seed: int = 0
    def fit(self, train, training=None):
        {fit}
    def predict(self, users, items): ...
"""
HERE = "here `datasets` is ratebench's own package, which has no `{}`: "


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder with another `datasets`, and the metadata of its distribution."""
    place = tmp_path / "other"
    (place / "datasets").mkdir(parents=True)
    (place / "datasets" / "__init__.py").write_text(
        "load_dataset = print\nraise SystemExit('the other datasets')\n", encoding="utf-8"
    )
    metadata = place / "famous-9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: famous\nVersion: 9.9\n", encoding="utf-8")
    (metadata / "top_level.txt").write_text("datasets\n", encoding="utf-8")
    return place


def test_a_run_uses_its_own_however_the_path_is_ordered(
    other: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """In the harness, the process that describes a row, and the worker."""
    ratings = write(tmp_path / "ratings.csv")
    source = ROW.format(imports="", fit="from datasets import load_dataset")
    (tmp_path / "row.py").write_text(source, encoding="utf-8")
    environment["PYTHONPATH"] = f"{other}{os.pathsep}{ROOT}"
    words = ("run", "--impl", "bias", "row.py:Row", "--dataset", str(ratings))
    done = subprocess.run([*BENCH, *words], cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 1, done.stderr
    records, _ = RecordStore(tmp_path / "results").read()
    found = {each.cell.implementation: each for each in records}
    assert found["bias"].status == "ok"
    reason = found["row.py:Row"].reason
    assert reason.startswith("row.py:9: ImportError: " + HERE.format("load_dataset"))
    words = ("predict", "--impl", "row.py:Row", "--dataset", str(ratings), "--pairs", str(ratings))
    done = subprocess.run([*BENCH, *words], cwd=tmp_path, env=environment, capture_output=True)
    assert "error: row.py:9: ImportError: " + HERE.format("load_dataset") in done.stderr.decode()


@pytest.mark.parametrize(
    ("imports", "missing"),
    [
        ("from datasets import load_dataset", "load_dataset"),
        ("import datasets.arrow_dataset", "datasets.arrow_dataset"),
        ("import datasets; datasets.Dataset", "Dataset"),
        ("from impls import nothing", "nothing"),
        (
            "try:\n    import datasets.x\nexcept ImportError as e:\n    raise OSError('x') from e",
            "x",
        ),
    ],
)
def test_an_import_of_the_other_one_is_named(tmp_path: Path, imports: str, missing: str) -> None:
    path = tmp_path / "row.py"
    path.write_text(ROW.format(imports=imports, fit="..."), encoding="utf-8")
    with pytest.raises(NotImportableError) as error:
        describe(f"{path}:Row", "default", {}, None)
    assert error.value.status == "failed"
    assert "ratebench's own package, which has no" in error.value.reason
    assert missing in error.value.reason


@pytest.mark.parametrize(
    "error",
    [
        None,
        ImportError("cannot import name 'x' from 'datasets.ratings'", name="datasets.ratings"),
        ModuleNotFoundError("No module named 'torch_geometric'", name="torch_geometric"),
        AttributeError("no 'x'", name="x", obj=os),
    ],
)
def test_other_errors_are_what_they_are(error: BaseException | None) -> None:
    assert hidden_package(error) == ""


def test_one_that_was_imported_before_is_refused(other: Path) -> None:
    (other / "datasets" / "__init__.py").write_text("", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import datasets, bench"],
        cwd=other,
        env={**os.environ, "PYTHONPATH": f"{other}{os.pathsep}{ROOT}"},
        capture_output=True,
        encoding="utf-8",
    )
    assert "imported another package `datasets`" in done.stderr.splitlines()[-1]


def test_one_that_was_installed_over_ours_is_named(tmp_path: Path) -> None:
    place = tmp_path / "__init__.py"
    place.write_text("load_dataset = print\n", encoding="utf-8")
    with pytest.raises(ImportError, match=r"was installed over it\. Install ratebench anew"):
        bench._check("datasets", place)
    for name, ours in bench.BESIDE.items():
        bench._check(name, ours)


def test_doctor_reports_it(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(doctor._clashes()) == []
    monkeypatch.syspath_prepend(other)
    ((name, found, remedy),) = doctor._clashes()
    assert name == "datasets"
    assert "of the distribution famous" in found
    assert f"in {other / 'datasets'}" in found
    assert remedy.endswith("an environment of its own")
