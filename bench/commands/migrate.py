"""Records of an older schema, brought to the present one: `bench migrate`.

Their source digests were of bytes. Each gets the digest of what its source means, computed from
the commit that the record names, and the identity that follows from it, and `shortened_to`: the
epochs of its suite at that commit.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import tarfile
import tomllib
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

from bench.commands import terminal
from bench.planning.source.digest import source_digest
from bench.records import OLDER_SCHEMAS, SCHEMA, Record, identity_of, upgraded
from bench.store import RecordStore
from bench.tune import FOLDER
from datasets.temporary import TemporaryFolder

SOURCES = ("impls", "datasets", "bench")
SUITES = ("bench/planning/suites", "bench/suites")


class Commits:
    """Source digests of the implementations, and the suites, at commits of a repository."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._folder = TemporaryFolder()

    def __enter__(self) -> Commits:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    @functools.cache  # noqa: B019 -- the object lives as long as one migration
    def source(self, commit: str, implementation: str) -> tuple[str, str] | None:
        """The class's name and the digest of its source; None where one is not at hand."""
        files = self._files(commit)
        class_path = None if files is None else _class_paths(files).get(implementation)
        if files is None or class_path is None:
            return None
        module, _, class_name = class_path.rpartition(":")
        return class_name, source_digest(files / f"{module.replace('.', '/')}.py", class_name)

    def shortened_to(self, record: Record) -> int | None:
        """The epochs after which the record's suite ended its fit to be fast, if it did."""
        cell = record.cell
        return next(
            (
                block["epochs"]
                for block in self._blocks(record.source.git_sha or "", cell.suite)
                if "epochs" in block
                and block["epochs"] == cell.hyperparameters.get("epochs")
                and cell.implementation in block["implementations"]
                and cell.dataset in (*block["datasets"], block.get("fallback"))
            ),
            None,
        )

    @functools.cache  # noqa: B019
    def _blocks(self, commit: str, suite: str) -> list[dict[str, Any]]:
        """The blocks of a suite; none where the commit, or the suite in it, is not at hand."""
        files = self._files(commit)
        paths = [files / folder / f"{suite}.toml" for folder in SUITES] if files else []
        found = [
            tomllib.loads(path.read_text(encoding="utf-8"))
            for path in paths
            if suite and path.is_file()
        ]
        return found[0]["blocks"] if found else []

    @functools.cache  # noqa: B019
    def _files(self, commit: str) -> Path | None:
        if not re.fullmatch("[0-9a-f]{40}", commit):
            return None
        command = ["git", "-C", str(self._repository), "archive", "--format=tar", commit, *SOURCES]
        packed = subprocess.run(command, capture_output=True)
        if packed.returncode:
            return None
        folder = Path(self._folder.name) / commit
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        return folder


def migrate_all(out: Path) -> None:
    """Migrate the records and the trials under `out`, and print what became of how many,
    with a warning for each line that is no record.

    Raises UsageError where a file of records cannot be written; it is as it was.
    """
    for store in (RecordStore(out), RecordStore(out / FOLDER)):
        try:
            became = migrate(store, Path.cwd())
        except OSError as error:
            why = terminal.problem_of(error, store.folder)
            raise terminal.UsageError(f"records cannot be migrated: {why}") from None
        for word, count in became.items():
            terminal.print_line(f"{store.folder}: {count:,} {word}")
        terminal.warn_of_bad_lines(store)


def migrate(store: RecordStore, repository: Path) -> Counter[str]:
    """Rewrite the records of older schemas in place; returns what became of how many.

    A record keeps its digest, and so counts as older source, where its commit is not at hand,
    had changes on top, or did not have the implementation. Lines that are no record of an older
    schema stay as they are. To run it again changes nothing.
    """
    with Commits(repository) as commits:
        return store.rewrite(lambda line: _migrated(line, commits))


def _migrated(line: str, commits: Commits) -> tuple[str, str]:
    """The new line, and what became of it in a word or two."""
    try:
        fields = json.loads(line)
        if fields["schema"] == SCHEMA:
            return line, "already current"
        if fields["schema"] not in OLDER_SCHEMAS:
            return line, "of an unknown schema"
        record = Record.model_validate(upgraded(fields))
        record.to_line().encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return line, "not a record"
    found = None
    if record.source.git_sha and record.source.dirty is False:
        try:
            found = commits.source(record.source.git_sha, record.cell.implementation)
            record.cell.shortened_to = commits.shortened_to(record)
        except (OSError, ValueError, KeyError, SyntaxError):  # a commit of another layout
            found = None
    if found is None:
        return line, "left: its commit is not at hand or had changes"
    class_name, digest = found
    if record.source.implementation_hash:  # a skipped row may have known no source
        record.source.implementation_hash = digest
    record.identity = identity_of(
        record.source.implementation_hash, class_name, record.cell, record.data, record.environment
    )
    record.schema_ = SCHEMA
    return record.to_line(), "migrated"


@functools.cache
def _class_paths(files: Path) -> dict[str, str]:
    """The registry of a commit, read without importing it."""
    tree = ast.parse((files / "impls" / "registry.py").read_bytes())
    [value] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "IMPLEMENTATIONS"
    ]
    paths: Any = ast.literal_eval(value)
    return dict(paths)
