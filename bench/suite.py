"""Named suites: what to run, as written in `suites/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.records import Reference


class SuiteError(Exception):
    """A suite that does not exist or cannot be read."""


class Block(BaseModel):
    """Every implementation × dataset × device × seed of one block is a cell.

    devices   "cpu", "cuda", "cuda:1", or "auto": the CPU, and CUDA where there is a device
    fallback  the set that stands in, loudly, where a dataset cannot be had
    """

    model_config = ConfigDict(extra="forbid")

    implementations: list[str] = Field(min_length=1)
    datasets: list[str] = Field(min_length=1)
    preset: str = "default"
    split: str = "random:80/10/10"
    devices: list[Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]] = ["auto"]
    seeds: int = Field(default=1, ge=1)
    threads: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=None, ge=1)
    until_rmse: float | None = Field(default=None, gt=0)
    time_limit_s: float = Field(default=3600, gt=0)
    fallback: str | None = None
    reference: Reference | None = None


class Suite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    description: str
    blocks: list[Block] = Field(min_length=1)


@dataclass(frozen=True)
class Overrides:
    """What the command line puts in place of a suite's own; None or empty leaves it be.

    `settings` maps an implementation to hyperparameters set one by one.
    """

    implementations: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)
    block: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def apply(self, suite: Suite) -> Suite:
        """The suite as asked for. Names that are in the suite choose among its rows; others
        take the place of its own, but not in a block with a published number beside it."""
        blocks = []
        own = {
            "implementations": {name for block in suite.blocks for name in block.implementations},
            "datasets": {name for block in suite.blocks for name in block.datasets},
        }
        for block in suite.blocks:
            names = {
                "implementations": self.implementations,
                "datasets": self.datasets,
            }
            for kind, asked in names.items():
                if not asked or block.reference or own[kind].issuperset(asked):
                    names[kind] = _chosen(getattr(block, kind), asked)
            if not all(names.values()):
                continue
            if block.reference:
                self._refuse_another_protocol(suite.name)
            fallback = None if self.datasets else block.fallback
            update = {**names, "fallback": fallback, **self.block}
            blocks.append(_checked(block.model_dump() | update))
        if not blocks:
            raise SuiteError(f"nothing in suite '{suite.name}' has the names asked for")
        return suite.model_copy(update={"blocks": blocks})

    def _refuse_another_protocol(self, suite: str) -> None:
        changed = [name for name in ("split", "preset", "epochs") if name in self.block]
        if changed or self.settings:
            raise SuiteError(
                f"suite '{suite}' runs published protocols as they were: leave out "
                + ", ".join(f"--{name}" for name in (*changed, *(["set"] if self.settings else [])))
            )


def _chosen(names: list[str], asked: list[str]) -> list[str]:
    """The names that are asked for; all where nothing is."""
    return [name for name in names if name in asked] if asked else names


def _checked(fields: Mapping[str, Any]) -> Block:
    """A block from options; raises SuiteError for a value it cannot take."""
    try:
        return Block.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = first["loc"][0]
        raise SuiteError(f"{where}: {first['input']!r}: {first['msg'].lower()}") from None


def names() -> list[str]:
    """The suites there are."""
    folder = files("bench") / "suites"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def read(name: str) -> Suite:
    """The named suite; raises SuiteError with the names there are, or what is wrong in it."""
    if name not in names():
        raise SuiteError(f"no suite '{name}'. There are: {', '.join(names())}")
    text = (files("bench") / "suites" / f"{name}.toml").read_text()
    try:
        return Suite.model_validate({"name": name, **tomllib.loads(text)})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise SuiteError(f"suites/{name}.toml: {error}") from error
