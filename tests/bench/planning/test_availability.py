"""Why Spark's row is skipped: no Java, one that is too old, no pyspark."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.planning import availability
from bench.planning.availability import library_problem


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(availability, "versions", lambda names: dict.fromkeys(names, "1"))
    return tmp_path


def put(home: Path, version: str) -> None:
    java = home / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{version}' >&2\n", encoding="utf-8")
    java.chmod(0o755)


@pytest.mark.parametrize("version", ['openjdk version "17.0.15" 2025-04-15', 'java version "21"'])
def test_spark_runs_on_java_17_and_newer(version: str, home: Path) -> None:
    put(home, version)
    assert library_problem("pyspark") is None


@pytest.mark.parametrize(
    ("version", "shown"),
    [('openjdk version "1.8.0_392"', "Java 8"), ("no java at all", "Java of no known version")],
)
def test_an_older_java_is_named(version: str, shown: str, home: Path) -> None:
    put(home, version)
    assert library_problem("pyspark") == (
        f"{shown} in JAVA_HOME={home}: Spark needs Java 17 or newer "
        "(apt-get install openjdk-17-jre-headless)"
    )


def test_without_java_it_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(library_problem("pyspark")).startswith(f"no java in JAVA_HOME={home}: Spark needs")
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(home))
    assert str(library_problem("pyspark")).startswith("no java on the path: Spark needs Java 17")


def test_each_library_names_its_own_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, 'openjdk version "17"')
    monkeypatch.setattr(availability, "versions", lambda _: {})
    for library, extra in [("pyspark", "spark"), ("triton", "triton"), ("libmf", "peers")]:
        assert library_problem(library) == (
            f"{library} is not installed: make {extra} (pip install -e '.[{extra}]')"
        )
    assert library_problem("") is None
