"""Implementations as users write them, in every form that a dataclass has. Run by path."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from impls.protocol import Training

if TYPE_CHECKING:
    import nowhere  # type: ignore[import-not-found]
    from nowhere import Kind


class Fits:
    """Learns the mean, and each epoch after the second a worse one."""

    def fit(self, train, training=Training()):
        for epoch in training.epochs(4):
            mean = float(train.values.mean()) + abs(epoch - 1)
            object.__setattr__(self, "mean_", mean)  # of a frozen class, too
        return self

    def predict(self, users, items):
        return np.full(len(users), self.mean_, np.float32)


@dataclass
class Typed(Fits):
    kind: Kind = "a"
    attribute: nowhere.Kind = 3
    unknown: Kind = None
    made: Kind = field(default_factory=lambda: "z")
    text: str = "x"
    maybe: int | None = None
    one_of: Literal["1", "b"] = "b"
    number_of: Literal[1, 2] = 1
    many: tuple[int, ...] = (1,)
    pair: tuple[int, int] = field(default_factory=lambda: (1, 2))
    listed: list[int] = field(default_factory=list)
    rate: float = 0.5
    flag: bool = False
    array: np.ndarray | None = None
    function: Callable[[int], int] | None = None
    start: InitVar[int] = 4
    count: ClassVar[int] = 3
    derived: int = field(init=False, default=2)
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self, start):
        self.derived = start


@dataclass(kw_only=True)
class Required(Fits):
    rank: int
    pair: tuple[int, int]
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        assert isinstance(self.pair, tuple)
        return super().fit(train, training)


@dataclass(slots=True)
class Slotted:
    rank: int = 3
    device: str = "cpu"
    seed: int = 0
    mean_: float = field(default=0.0, init=False)

    fit = Fits.fit
    predict = Fits.predict


@dataclass(frozen=True)
class Frozen(Fits):
    rank: int = 3
    device: str = "cpu"
    seed: int = 0


@dataclass
class Child(Typed):
    more: str = "x"


@dataclass
class NeedsStart(Fits):
    start: InitVar[int]
    device: str = "cpu"
    seed: int = 0


@dataclass
class SetsAnInitVar(Fits):
    start: InitVar[int] = 3
    device: str = "cpu"
    seed: int = 0
    presets: ClassVar = {"default": {"start": 4}}


@dataclass
class Asserts(Fits):
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self):
        raise AssertionError("rank must be even")


@dataclass
class Exits(Fits):
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self):
        raise SystemExit(3)


@dataclass
class Hangs(Fits):
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self):
        time.sleep(3600)


@dataclass
class HangsAtExit(Fits):
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self):
        atexit.register(time.sleep, 3600)


@dataclass
class Interrupts(Fits):
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self):
        raise KeyboardInterrupt


@dataclass
class ListsPresets(Fits):
    device: str = "cpu"
    seed: int = 0
    presets: ClassVar = ["fast"]


@dataclass
class TextOfDevices(Fits):
    device: str = "cpu"
    seed: int = 0
    devices: ClassVar = "cpu"


@dataclass
class PresetOfNothing(Fits):
    device: str = "cpu"
    seed: int = 0
    presets: ClassVar = {"fast": 3}
