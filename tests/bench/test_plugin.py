"""An implementation in another package: installed beside a wheel of ours, tested and run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from bench.report.files import SITE
from bench.store import RecordStore
from tests.support.command_line import write

ROOT = Path(__file__).parents[2]
PACKAGES = ("bench", "datasets", "impls")
WHERE = "import bench, datasets, impls; print(bench.__file__, datasets.__file__, impls.__file__)"


def test_a_plugin_passes_the_conformance_suite_and_runs_beside_an_installed_wheel(
    tmp_path: Path,
) -> None:
    python = fresh_environment(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in done(elsewhere, python, "-c", WHERE).split():
        assert Path(file).is_relative_to(tmp_path)

    shutil.copy(ROOT / "tests/plugin/test_plugin_als.py", elsewhere)
    summary = done(elsewhere, python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "passed" in summary
    assert "failed" not in summary

    write(elsewhere / "ratings.csv")
    words = "run --impl plugin_als --dataset ratings.csv --epochs 1 --seeds 1 --out out"
    done(elsewhere, python.with_name("bench"), *words.split())
    (record,), bad = RecordStore(elsewhere / "out").read()
    assert bad == []
    assert (record.status, record.cell.implementation) == ("ok", "plugin_als")
    done(elsewhere, python.with_name("bench"), "site", "--out", "out")  # of files in the wheel
    assert (elsewhere / "out" / SITE).exists()


def fresh_environment(folder: Path) -> Path:
    """A virtual environment with wheels of ratebench and of tests/plugin; returns its Python.

    Their dependencies are those of the running environment, whose own ratebench comes later on
    the path.
    """
    source, wheels, environment = (folder / name for name in ("source", "wheels", "environment"))
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "tests/plugin", folder / "plugin")
    pip = (Path(sys.executable), "-m", "pip", "--disable-pip-version-check")
    offline = ("--quiet", "--no-deps", "--no-index")
    built = (str(source), str(folder / "plugin"))
    done(folder, *pip, "wheel", *offline, "--no-build-isolation", "-w", str(wheels), *built)
    done(folder, Path(sys.executable), "-m", "venv", "--without-pip", str(environment))
    python = environment / "bin" / "python"
    found = (str(wheel) for wheel in sorted(wheels.iterdir()))
    done(folder, *pip, "--python", str(python), "install", *offline, *found)
    where = done(folder, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    libraries = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (Path(where.strip()) / "running.pth").write_text("\n".join(libraries) + "\n")
    return python


def done(folder: Path, program: Path, *words: str) -> str:
    """What a command prints, which must succeed; the checkout is not on its path."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [program, *words],
        cwd=folder,
        env={**variables, "RATEBENCH_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
