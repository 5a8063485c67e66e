"""How a run shows itself: a live line on a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.status import Status as Spinner
from rich.text import Text

from bench.cell.events import Checkpoint, Event
from bench.planning.plan import Cell
from bench.records import Record


@dataclass
class Progress:
    """Tells cell n of m, epoch, validation RMSE and time left; collects the new `records`.

    Times come from `timer`, in seconds.
    """

    console: Console
    total: int
    records: list[Record]
    timer: Callable[[], float] = time.monotonic
    number: int = 0
    _began: float = field(init=False)
    _cell_began: float = field(init=False, default=0.0)
    _spinner: Spinner | None = None

    def __post_init__(self) -> None:
        self._began = self.timer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_live_line()

    def already_done(self, cell: Cell) -> None:
        self.number += 1
        self._say(f"{self._place(cell)}  already recorded")

    def waiting(self) -> None:
        self._say("waiting: another ratebench run is timing a cell on this machine")

    def started(self, cell: Cell, again: str) -> None:
        self.number += 1
        if again:
            self._say(f"{self._place(cell)}  runs again: {again}")
        self._cell_began = self.timer()
        self._label = self._place(cell)
        if self.console.is_terminal:
            self._spinner = self.console.status(Text(self._label))
            self._spinner.start()
        else:
            self._say(self._label)

    def heard(self, event: Event) -> None:
        if not isinstance(event, Checkpoint) or event.rmse is None or event.epoch == 0:
            return
        epoch, planned = event.epoch, event.planned
        left = (self.timer() - self._cell_began) / epoch * (planned - epoch)
        told = f"epoch {epoch}/{planned}  validation RMSE {event.rmse:.4f}  {_duration(left)} left"
        if self._spinner is not None:
            self._spinner.update(Text(f"{self._label}  {told}{self._run_left()}"))
        elif epoch == planned or epoch & (epoch - 1) == 0:  # 1, 2, 4, 8, … in a log
            self._say(f"    {told}")

    def finished(self, record: Record) -> None:
        self._end_live_line()
        self.records.append(record)
        self._say(f"{self._label}  {summary(record)}{self._run_left()}")

    def _end_live_line(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def _place(self, cell: Cell) -> str:
        request = cell.request
        preset = "" if request.preset == "default" else f":{request.preset}"
        return (
            f"[{self.number}/{self.total}] {request.implementation}{preset}{cell.settings_label}  "
            f"{request.dataset}  {request.split}  {request.device}  seed {request.seed}"
        )

    def _run_left(self) -> str:
        remaining = self.total - self.number
        if not (self.records and remaining):
            return ""
        each = (self.timer() - self._began) / len(self.records)
        return f"  ({remaining} more, about {_duration(each * remaining)})"

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def summary(record: Record) -> str:
    """A record in a few words: its scores, or its status and reason."""
    scores = ""
    if record.times is not None:
        fit = f"fit {record.times.fit_s:.3g} s"
        if record.metrics is not None:
            scores = f"RMSE {record.metrics.rmse:.4f}  {fit}"
        elif record.curve:
            best = min(point.rmse for point in record.curve)
            scores = f"validation RMSE {best:.4f}  {fit}"
    if record.status == "ok":
        return scores
    return "  ".join(filter(None, (f"{record.status}: {record.reason}", scores)))


def _duration(seconds: float) -> str:
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
