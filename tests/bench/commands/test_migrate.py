"""Records of schema 1, brought to the present one by the commits that they name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.commands.migrate import migrate
from bench.planning.source.digest import source_digest
from bench.store import RecordStore
from tests.support.records import minimal_record as record

CLASS = "CONSTANT = {}\n\n\nclass Bias:\n    c = CONSTANT\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for package in ("impls", "datasets", "bench"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    (root / "impls" / "registry.py").write_text('IMPLEMENTATIONS = {"bias": "impls.bias:Bias"}\n')
    (root / "impls" / "bias.py").write_text(CLASS.format(1))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    return root


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", root, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def old_line(commit: str | None, dirty: bool | None = False, **changes: Any) -> str:
    fields = json.loads(record().to_line())
    del fields["goals"], fields["epoch_budgets"]
    fields |= {
        "schema": 1,
        "targets": [{"rmse": 0.9, "seconds": 1.5}],
        "ladder": True,
        "times": {
            **dict.fromkeys(("import_s", "warmup_s", "fit_s", "epoch_s", "predict_s"), 1.0),
            **dict.fromkeys(("evaluation_s", "overhead_s", "wall_s", "cold_s", "ladder_s"), 2.0),
        },
        "source": {"git_sha": commit, "dirty": dirty, "implementation_hash": "of bytes"},
    }
    fields["cell"]["hyperparameters"] = {"ladder": [1, 2], "targets": "raw"}
    return json.dumps(fields | changes)


def store_of(folder: Path, *lines: str) -> RecordStore:
    store = RecordStore(folder)
    store.folder.mkdir(parents=True)
    (store.folder / "box-1.jsonl").write_text("\n".join(lines) + "\n")
    return store


def test_a_record_gets_the_digest_of_the_source_it_was_made_with(
    tmp_path: Path, repository: Path
) -> None:
    store = store_of(tmp_path / "out", old_line(git(repository, "rev-parse", "HEAD")))
    expected = source_digest(repository / "impls" / "bias.py", "Bias")
    (repository / "impls" / "bias.py").write_text(CLASS.format(2))
    assert migrate(store, repository) == {"migrated": 1}
    [migrated] = RecordStore(tmp_path / "out").read()[0]
    assert migrated.schema_ == 2
    assert migrated.source.implementation_hash == expected
    assert migrated.identity != "a"
    assert migrated.cell.hyperparameters == {"epoch_budgets": [1, 2], "response": "raw"}
    assert migrated.times is not None
    assert (migrated.times.other_budgets_s, migrated.times.first_model_s) == (2.0, 2.0)
    assert migrated.epoch_budgets
    assert [goal.rmse for goal in migrated.goals] == [0.9]


def test_to_migrate_again_changes_nothing(tmp_path: Path, repository: Path) -> None:
    store = store_of(tmp_path / "out", old_line(git(repository, "rev-parse", "HEAD")), "torn {")
    assert migrate(store, repository) == {"migrated": 1, "not a record": 1}
    content = (store.folder / "box-1.jsonl").read_bytes()
    assert migrate(store, repository) == {"already current": 1, "not a record": 1}
    assert (store.folder / "box-1.jsonl").read_bytes() == content
    assert content.endswith(b"torn {\n")


@pytest.mark.parametrize(
    ("commit", "dirty"), [(None, None), ("0" * 40, False), ("HEAD", True), ("HEAD", None)]
)
def test_without_its_commit_a_record_keeps_its_digest_and_is_still_read(
    tmp_path: Path, repository: Path, commit: str | None, dirty: bool | None
) -> None:
    if commit == "HEAD":
        commit = git(repository, "rev-parse", "HEAD")
    store = store_of(tmp_path / "out", line := old_line(commit, dirty))
    assert migrate(store, repository) == {"left: its commit is not at hand or had changes": 1}
    assert (store.folder / "box-1.jsonl").read_text() == line + "\n"
    [left] = store.read()[0]
    assert (left.schema_, left.source.implementation_hash) == (1, "of bytes")
    assert [goal.seconds for goal in left.goals] == [1.5]


def test_a_record_gets_the_epochs_that_its_suite_ended_fits_after_at_its_commit(
    tmp_path: Path, repository: Path
) -> None:
    suites = repository / "bench" / "suites"
    suites.mkdir()
    block = '[[blocks]]\nimplementations = ["bias"]\ndatasets = ["ml-100k"]\nepochs = {}\n'
    (suites / "scale.toml").write_text(block.format(3))
    git(repository, "add", "-A")
    git(repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "two")
    commit = git(repository, "rev-parse", "HEAD")
    (suites / "scale.toml").write_text(block.format(12))
    lines = []
    for epochs in (3, 12):
        fields = json.loads(old_line(commit))
        fields["cell"] |= {"dataset": "ml-100k", "suite": "scale"}
        fields["cell"]["hyperparameters"] = {"epochs": epochs}
        lines.append(json.dumps(fields))
    store = store_of(tmp_path / "out", *lines)
    assert migrate(store, repository) == {"migrated": 2}
    assert [each.cell.shortened_to for each in store.read()[0]] == [3, None]
    assert migrate(store, repository) == {"already current": 2}


@pytest.mark.parametrize(
    ("change", "became"),
    [
        ({"schema": 3}, "of an unknown schema"),
        ({"schema": 0}, "of an unknown schema"),
        ({"times": "x"}, "not a record"),
        ({"cell": "x"}, "not a record"),
        ({"commit": "--output=/tmp/x"}, "left: its commit is not at hand or had changes"),
        ({"commit": "HEAD"}, "left: its commit is not at hand or had changes"),
    ],
)
def test_a_poisoned_line_stays_as_it_is_and_stops_nothing(
    tmp_path: Path, repository: Path, change: dict[str, Any], became: str
) -> None:
    good = git(repository, "rev-parse", "HEAD")
    commit = change.pop("commit", good)
    line = old_line(commit, **change)
    store = store_of(tmp_path / "out", line, old_line(good))
    assert migrate(store, repository) == {became: 1, "migrated": 1}
    assert (store.folder / "box-1.jsonl").read_text().startswith(line + "\n")
    assert len(store.read()[0]) >= 1
