"""Named suites: what to run, as written in `suites/*.toml`."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.records import Reference
from datasets.splits import folds


class SuiteError(Exception):
    """A suite that does not exist or cannot be read."""


class Block(BaseModel):
    """Every implementation × dataset × device × combination of `set` × seed of one block is a cell.

    devices   "cpu", "cuda", "cuda:1", or "auto": the CPU, and CUDA where there is a device
    set       hyperparameters of all its implementations that differ from the preset's, each with
              the values it takes in turn: { batch_size = [256, 1024], learning_rate = [0.01] }
    pin       whether cells of one thread stay on one core
    fallback  the dataset that is used, with a warning, where one is not available
    peek      whether each cell has a second one beside it, which is evaluated on the test part
              after each epoch: what a reader of the test curve would have claimed
    """

    model_config = ConfigDict(extra="forbid")

    implementations: list[str] = Field(min_length=1)
    datasets: list[str] = Field(min_length=1)
    preset: str = "default"
    split: str = "random:80/10/10"
    devices: list[Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]] = ["auto"]
    seeds: int = Field(default=1, ge=1)
    threads: int | None = Field(default=None, ge=1)
    set: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    epochs: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=None, ge=1)
    until_rmse: float | None = Field(default=None, gt=0)
    time_limit_s: float = Field(default=3600, gt=0)
    pin: bool = False
    fallback: str | None = None
    reference: Reference | None = None
    peek: bool = False

    @model_validator(mode="after")
    def _no_fold_twice(self) -> Block:
        k = folds(self.split)
        if k and self.seeds > k:
            raise ValueError(f"seeds: {self.split} has {k} folds, one for each seed")
        return self

    @model_validator(mode="after")
    def _peeks_beside_a_number(self) -> Block:
        if self.peek and not (self.reference and self.reference.clipped):
            raise ValueError("peek: only beside a published number that is clipped, as curves are")
        return self

    @property
    def settings(self) -> list[dict[str, str]]:
        """Every combination of the values of `set`, as text as `--set` has it; one, which is
        empty, where it sets nothing."""
        combinations = itertools.product(*self.set.values())
        return [dict(zip(self.set, map(str, values), strict=True)) for values in combinations]


class Suite(BaseModel):
    """Blocks of cells, and how often their rows are repeated.

    precision      the half width of the 95 % interval of a row's times, as a share, at which its
                   repeats end; None for no more than the blocks' own
    repeat_budget  seconds at which they end otherwise
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str
    precision: float | None = Field(default=None, gt=0, lt=1)
    repeat_budget: float = Field(default=120, ge=0)
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
        """The suite with these overrides. Names that are in the suite choose among its rows; others
        take the place of its own, but not in a block with a published number beside it, and
        no implementation in one that sets hyperparameters, which it may not have.
        Raises SuiteError for a name that is left over."""
        blocks: list[Block] = []
        for block in suite.blocks:
            implementations = self._names(suite, block, "implementations")
            datasets = self._names(suite, block, "datasets")
            if block.reference is None:
                preset = self.block.get("preset", block.preset)
                alike = [
                    other for other in blocks if (other.preset, other.set) == (preset, block.set)
                ]
                implementations, datasets = _without_repeats(implementations, datasets, alike)
            if not implementations or not datasets:
                continue
            if block.reference:
                self._refuse_another_protocol(suite.name)
            names = {"implementations": implementations, "datasets": datasets}
            fallback = None if self.datasets else block.fallback
            update = {**names, "fallback": fallback, **self.block}
            blocks.append(checked(block.model_dump() | update))
        requested = {*self.implementations, *self.datasets}
        used = {name for block in blocks for name in (*block.implementations, *block.datasets)}
        if not blocks or requested - used:
            missing = ", ".join(sorted(requested - used or requested))
            raise SuiteError(f"suite '{suite.name}' has no row of {missing}")
        return suite.model_copy(update={"blocks": blocks})

    def _names(self, suite: Suite, block: Block, kind: str) -> list[str]:
        """The requested names for a block: all of its own, some of them, or others instead."""
        requested: list[str] = getattr(self, kind)
        own: list[str] = getattr(block, kind)
        in_suite = {name for each in suite.blocks for name in getattr(each, kind)}
        others_fit = block.reference is None and not (block.set and kind == "implementations")
        if requested and others_fit and not in_suite.issuperset(requested):
            return requested
        return [name for name in own if name in requested] if requested else own

    def _refuse_another_protocol(self, suite: str) -> None:
        changed = [name for name in ("split", "preset", "epochs") if name in self.block]
        if changed or self.settings:
            raise SuiteError(
                f"suite '{suite}' runs published protocols as they were: leave out "
                + ", ".join(f"--{name}" for name in (*changed, *(["set"] if self.settings else [])))
            )


def _without_repeats(
    implementations: list[str], datasets: list[str], before: list[Block]
) -> tuple[list[str], list[str]]:
    """The names less the rows that blocks before have already, which come of names that took
    the place of several blocks' own."""
    have = {
        (implementation, dataset)
        for block in before
        for implementation in block.implementations
        for dataset in block.datasets
    }
    new = [i for i in implementations if any((i, d) not in have for d in datasets)]
    return new, [d for d in datasets if any((i, d) not in have for i in new)]


def checked(fields: Mapping[str, Any]) -> Block:
    """A block from options; raises SuiteError for a value it cannot take."""
    try:
        return Block.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # of the block as a whole
            raise SuiteError(first["msg"].removeprefix("Value error, ")) from None
        raise SuiteError(f"{first['loc'][0]}: {first['input']!r}: {first['msg'].lower()}") from None


def names() -> list[str]:
    """The suites there are."""
    folder = files("bench.planning") / "suites"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def read(name: str) -> Suite:
    """The named suite; raises SuiteError with the names there are, or what is wrong in it."""
    if name not in names():
        raise SuiteError(f"no suite '{name}'. There are: {', '.join(names())}")
    text = (files("bench.planning") / "suites" / f"{name}.toml").read_text(encoding="utf-8")
    try:
        return Suite.model_validate({"name": name, **tomllib.loads(text)})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise SuiteError(f"suites/{name}.toml: {error}") from error
