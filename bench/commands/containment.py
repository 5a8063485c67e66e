"""Whether the code of implementations is contained, as `--sandbox` wants it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from bench.cell.execute import Executor, ProcessExecutor
from bench.cell.sandbox import bubblewrap
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.executor import SandboxedExecutor
from bench.commands import terminal
from bench.planning.describing import plainly
from bench.store import RecordStore
from datasets.catalog import CATALOG

Sandboxing = Literal["auto", "require", "off"]


class Containment:
    """Asks whether there can be a sandbox when one is first needed.

    wanted  where there can be one, always, or never
    out     the folder of results, and
    data    files of ratings, with the folders that they are in: nothing that is contained sees
            them; names of the catalog and "" are no files
    """

    def __init__(self, wanted: Sandboxing, out: Path, data: Iterable[str]) -> None:
        self._wanted = wanted
        files = [Path(each).expanduser() for each in data if each and each not in CATALOG]
        self._hidden = (out, RecordStore(out).folder, *files, *(file.parent for file in files))

    @functools.cached_property
    def sandbox(self) -> Sandbox | None:
        """None for no sandbox. Raises UsageError where one is required and there can be none."""
        if self._wanted == "off":
            return None
        if problem := bubblewrap.problem():
            if self._wanted == "require":
                raise terminal.UsageError(f"--sandbox require: {problem}")
            return None
        return Sandbox(self._hidden)

    def executor(self) -> Executor:
        """Of cells. A note says why they have no sandbox where one is wanted."""
        if self.sandbox is not None:
            return SandboxedExecutor(self.sandbox)
        if self._wanted != "off":
            terminal.note(f"rows run without a sandbox: {bubblewrap.problem()}")
        return ProcessExecutor()

    def importer(self, class_path: str, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """Of implementations, for a plan."""
        return (self.sandbox.importer if self.sandbox else plainly)(class_path, folder)
