"""What a search varies, as written in `studies/*.toml` or in a file of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from bench.planning.suite import Block, Suite
from bench.records import digest

if TYPE_CHECKING:
    import optuna

Settings = Mapping[str, str]
"""What a trial sets, as after --set: hyperparameter -> its text."""

STUDIES = files("bench") / "tune" / "studies"
SIGNIFICANT_DIGITS = 3
"""Of a tried number: what is tried can then be written as a default."""


class StudyError(Exception):
    """A study that does not exist, cannot be read, or does not fit its implementation."""


class UnrunnableError(StudyError):
    """A study whose implementation cannot run here, as of a library that is not installed."""


class Range(BaseModel):
    """Numbers from `low` to `high`, whole ones where both are; `log` for scales."""

    model_config = ConfigDict(extra="forbid")

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 where log is set")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: optuna.Trial, name: str) -> str:
        if self.whole:
            return str(trial.suggest_int(name, int(self.low), int(self.high), log=self.log))
        value = trial.suggest_float(name, self.low, self.high, log=self.log)
        rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        return str(min(max(rounded, self.low), self.high))

    def place_of(self, value: Any) -> Any:
        """`value` as optuna has it; None where it is not in the range."""
        kind = int if self.whole else int | float
        return value if isinstance(value, kind) and self.low <= value <= self.high else None


class Choices(BaseModel):
    """One of a few values of any kind."""

    model_config = ConfigDict(extra="forbid")

    choices: list[Any] = Field(min_length=2)

    def suggest(self, trial: optuna.Trial, name: str) -> str:
        return str(trial.suggest_categorical(name, [str(choice) for choice in self.choices]))

    def place_of(self, value: Any) -> Any:
        """`value` as optuna has it; None where it is not among the choices."""
        value = list(value) if isinstance(value, tuple) else value
        return next((str(choice) for choice in self.choices if choice == value), None)


def _kind(values: Any) -> str:
    has_choices = isinstance(values, Choices) or (isinstance(values, dict) and "choices" in values)
    return "choices" if has_choices else "range"


Values = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]


class Study(BaseModel):
    """One search, for all rows of one model: the first runs its trials, the rest share them.

    fixed   hyperparameters of every trial that differ from the default and are not searched
    starts  settings that are tried after the default and before any is suggested, in this order;
            what one does not name is the default's
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str
    implementations: list[str] = Field(min_length=1)
    dataset: str = "ml-100k"
    split: str = "random:80/10/10"
    patience: Annotated[int, Field(ge=1)] = 5
    time_limit_s: Annotated[float, Field(gt=0)] = 600
    fixed: dict[str, Any] = {}
    space: dict[str, Values] = Field(min_length=1)
    starts: list[dict[str, Any]] = []

    @model_validator(mode="after")
    def _fixed_or_searched(self) -> Study:
        if both := self.fixed.keys() & self.space.keys():
            raise ValueError(f"{', '.join(sorted(both))}: fixed and in the space")
        return self

    @model_validator(mode="after")
    def _starts_in_the_space(self) -> Study:
        for number, start in enumerate(self.starts, 1):
            for name, value in start.items():
                if name not in self.space:
                    raise ValueError(f"start {number}: {name} is not searched; add it to the space")
                if self.space[name].place_of(value) is None:
                    raise ValueError(
                        f"start {number}: {name} = {value} is not in the space; widen it or "
                        "change the start"
                    )
        return self

    @property
    def tuned(self) -> str:
        """The implementation that runs the trials."""
        return self.implementations[0]

    def suite(self, dataset: str = "") -> Suite:
        """One cell, whose hyperparameters each trial sets; one thread, so that it repeats
        bit for bit. Its name holds what was searched: another space is another search, and so
        are other starts.

        dataset  name or path of the file; "" for the study's own
        """
        block = Block(
            implementations=[self.tuned],
            datasets=[dataset or self.dataset],
            split=self.split,
            devices=["cpu"],
            threads=1,
            patience=self.patience,
            time_limit_s=self.time_limit_s,
        )
        # A study without starts keeps the name that it had before there were any.
        unnamed = {"name", "description"} | (set() if self.starts else {"starts"})
        searched = digest(self.model_dump(mode="json", exclude=unnamed))[:6]
        return Suite(
            name=f"tune:{self.name}#{searched}", description=self.description, blocks=[block]
        )

    def standing(self, default: Mapping[str, Any]) -> dict[str, Any]:
        """The default's place in the space; StudyError where the space leaves it out."""
        found = {}
        for name, values in self.space.items():
            if name not in default:
                raise StudyError(f"study {self.name}: {self.tuned} has no hyperparameter '{name}'")
            found[name] = values.place_of(default[name])
            if found[name] is None:
                raise StudyError(
                    f"study {self.name}: the default {name} = {default[name]} of {self.tuned} "
                    f"is not in the space; widen it, for the search starts from the default"
                )
        return found

    def first(self, default: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The places in the space that are tried before any is suggested: the default's, then
        each start's. Raises StudyError where the space leaves the default out."""
        standing = self.standing(default)
        return [standing] + [
            standing | {name: self.space[name].place_of(value) for name, value in start.items()}
            for start in self.starts
        ]


def names() -> list[str]:
    """The studies that come with ratebench."""
    return sorted(entry.name.removesuffix(".toml") for entry in STUDIES.iterdir())


def read(name: str) -> Study:
    """A study by its name, or by the path of a TOML file. Raises StudyError."""
    if name in names():
        text = (STUDIES / f"{name}.toml").read_text(encoding="utf-8")
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{name}: cannot be read: {error}") from error
    else:
        raise StudyError(
            f"no study '{name}'{_searched_by(name)}. There are: {', '.join(names())}; or give a "
            "path/to/study.toml"
        )
    try:
        return Study.model_validate({"name": Path(name).stem, **tomllib.loads(text)})
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{name}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"] if part not in ("range", "choices"))
        raise StudyError(f"{name}: {where}{first['msg'].lower()}") from None


def _searched_by(row: str) -> str:
    """Which studies a row has, whose name was given for that of one; "" where it has none."""
    found = [each for each in names() if row in read(each).implementations]
    return f": {row} is searched by {' and '.join(found)}" if found else ""
