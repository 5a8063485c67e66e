"""A cell on its way to a machine, and what comes back, as JSON.

Not as objects: a machine validates what it gets, and so does whoever gets its answer.
"""

from __future__ import annotations

import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from bench.planning.facts import Facts
from bench.planning.plan import Cell, Skip
from bench.planning.rules import Rules
from bench.records import CellRecord, Data, Reference, Status


class UnreadableError(Exception):
    """A message is none."""


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> str:
        """With `Infinity` where a limit is none: pydantic's own JSON would have null there."""
        return json.dumps(self.model_dump())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises UnreadableError, whatever the text is."""
        try:
            return cls.model_validate(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise UnreadableError(str(error).partition("\n")[0]) from None


class File(Message):
    """A file that was named by its path.

    name    the last part of the path, by whose suffix it is read
    digest  SHA-256 of its bytes
    """

    name: str
    digest: str
    size: int


class Setting(Message):
    """What the cells of a run have in common.

    run                 of no other run
    options             of the layout of the files
    test                the file of test ratings that the dataset has beside its own; "" for none
    files               by the paths that the client has them at
    blind               without a test part, so that nothing can be chosen by it
    blocks              as of `Cells`
    memory_limit_bytes  of each cell; None for 90 % of what is free on its machine
    """

    run: str
    options: dict[str, str] = {}
    test: str = ""
    files: dict[str, File] = {}
    sandbox: Literal["auto", "require", "off"] = "auto"
    blind: bool = False
    blocks: int = 0
    memory_limit_bytes: int | None = None

    def on(self, dataset: str) -> Setting:
        """Of a cell on the dataset: with the files that it needs, and no other."""
        if not self.files:
            return self
        files = {path: self.files[path] for path in (dataset, self.test) if path in self.files}
        return self.model_copy(update={"files": files})


class Skipped(Message):
    """Why a cell can run nowhere."""

    status: Status
    reason: str


class Payload(Message):
    """A planned cell, without what is known of one machine alone.

    catalog_goals  of its dataset
    goals          that the baseline reached on this split, where the catalog has none
    """

    setting: Setting
    request: CellRecord
    class_path: str
    implementation_hash: str
    data: Data
    catalog_goals: tuple[float, ...]
    goals: tuple[float, ...]
    rules: Rules
    library: str
    versions: dict[str, str]
    settings: dict[str, str]
    reference: Reference | None
    skip: Skipped | None
    unfollowed: tuple[str, ...]

    @classmethod
    def of(cls, cell: Cell, setting: Setting, goals: tuple[float, ...]) -> Self:
        """Of a cell whose machine is known."""
        return cls(
            setting=setting.on(cell.request.dataset),
            request=cell.request,
            class_path=cell.class_path,
            implementation_hash=cell.implementation_hash,
            data=cell.facts.data,
            catalog_goals=cell.facts.goals,
            goals=goals,
            rules=cell.rules,
            library=cell.library,
            versions=dict(cell.versions),
            settings=dict(cell.settings),
            reference=cell.reference,
            skip=_skipped(cell.skip) if cell.skip else None,
            unfollowed=cell.unfollowed,
        )

    def cell(self) -> Cell:
        return Cell(
            self.request,
            self.class_path,
            self.implementation_hash,
            Facts(self.data, self.catalog_goals),
            self.rules,
            self.versions,
            reference=self.reference,
            skip=Skip(self.skip.status, self.skip.reason) if self.skip else None,
            settings=self.settings,
            unfollowed=self.unfollowed,
            library=self.library,
        )


def _skipped(skip: Skip) -> Skipped:
    return Skipped(status=skip.status, reason=skip.reason)


class Answer(Message):
    """What a machine answers: one of these.

    record   a line of the store
    missing  paths of `Setting.files` that it does not have the contents of
    refused  why no cell of this dataset can run there
    broken   why no cell at all can: no fault of a row
    """

    record: str = ""
    missing: list[str] = []
    refused: str = ""
    broken: str = ""
