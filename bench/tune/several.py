"""A search on several machines at once: its trials go to any of them.

Which trial is suggested next depends on which have ended, and so on the machines. So a search that
goes on does not request its trials again, as one on this machine does: it learns from the records
of all of them first.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import optuna

from bench import machine
from bench.planning.plan import Cell
from bench.records import CellRecord, Record
from bench.report.formats import plural
from bench.running.cluster.machines import Machine, placed
from bench.running.cluster.work import MOST_LOST, Work
from bench.tune.search import Trial, best_of, objective, sampler, tell
from bench.tune.session import SETTLED
from bench.tune.study import Settings, Study


@dataclass
class Suggested:
    """A suggestion, and where several are equal those after it."""

    cell: Cell
    trials: list[tuple[optuna.Trial, Settings]] = field(default_factory=list)


class Trials:
    """A `Plan` of one search: so many trials, the recorded ones among them.

    default        the cell whose hyperparameters each trial sets
    with_settings  the cell of a trial
    recorded       of the store, the oldest first
    show           receives each trial as it ends, and the best one so far
    n_recorded     trials that need no run
    """

    def __init__(
        self,
        study: Study,
        trials: int,
        default: Cell,
        with_settings: Callable[[Settings], Cell],
        recorded: Iterable[Record],
        show: Callable[[Trial, Trial | None], None],
    ) -> None:
        self.changes = 0
        self._study, self._left = study, trials
        self._with_settings, self._show = with_settings, show
        self._fixed = {name: str(value) for name, value in study.fixed.items()}
        of_this = {_name(each.cell): each for each in recorded if _is_of(each, default)}
        learnt = [*of_this.values()][:trials]
        # By another seed each time, for it would draw the recorded ones again.
        self._sampled = sampler(len(learnt), at_once=True)
        self._done: list[Trial] = []
        self._known: dict[str, Record] = {}
        self._running: dict[str, Suggested] = {}
        self._again: deque[Cell] = deque()
        self._lost = Counter[str]()
        self._refused: dict[str, str] = {}
        self._learn(learnt)
        self.n_recorded = len(self._known)
        for place in study.first(default.request.hyperparameters):
            self._sampled.enqueue_trial(place, skip_if_exists=True)

    def join(self, machine: Machine) -> None:  # noqa: ARG002
        self.changes += 1

    def leave(self, machine: Machine, reason: str) -> None:  # noqa: ARG002
        self.changes += 1

    def next(self, machine: Machine) -> Work | None:
        if machine.id in self._refused:
            return None
        cell = self._again.popleft() if self._again else self._suggested()
        return Work(placed(cell, machine)) if cell else None

    def ended(self, machine: Machine, work: Work, record: Record) -> bool:
        name = _name(work.cell.request)
        self._lost[name] += record.status == "lost"
        if record.status == "skipped":
            self.refused(machine, work, record.reason)
            return False
        if record.status == "lost" and self._lost[name] < MOST_LOST:
            self.returned(machine, work)
            return False
        self._known[name] = record
        for trial, settings in self._running.pop(name).trials:
            self._take(trial, settings, record)
        self.changes += 1
        return True

    def returned(self, machine: Machine, work: Work) -> None:  # noqa: ARG002
        self._again.append(self._running[_name(work.cell.request)].cell)
        self.changes += 1

    def refused(self, machine: Machine, work: Work, reason: str) -> None:
        self._refused[machine.id] = f"{machine.name}: {reason}"
        self.returned(machine, work)

    def is_over(self) -> bool:
        return not (self._left or self._running)

    def close(self) -> list[str]:
        n = self._left + sum(len(each.trials) for each in self._running.values())
        why = "; ".join(self._refused.values()) or "no machine is there"
        return [f"{plural(n, 'trial')} of {self._study.name} did not run: {why}"] if n else []

    def _learn(self, recorded: Sequence[Record]) -> None:
        for record in recorded:
            values = record.cell.hyperparameters
            place = {name: v.place_of(values.get(name)) for name, v in self._study.space.items()}
            if None in place.values():
                continue
            self._sampled.enqueue_trial(place)
            trial, settings = self._ask()
            known = self._with_settings({**self._fixed, **settings})
            self._known[_name(known.request)] = record
            self._take(trial, settings, record)

    def _ask(self) -> tuple[optuna.Trial, Settings]:
        self._left -= 1
        trial = self._sampled.ask()
        return trial, {name: v.suggest(trial, name) for name, v in self._study.space.items()}

    def _suggested(self) -> Cell | None:
        """The cell of the next suggestion that has no record and does not run; None where there are
        no more trials."""
        while self._left:
            trial, settings = self._ask()
            cell = self._with_settings({**self._fixed, **settings})
            name = _name(cell.request)
            if name in self._known:
                self._take(trial, settings, self._known[name])
                continue
            is_new = name not in self._running
            self._running.setdefault(name, Suggested(cell)).trials.append((trial, settings))
            if is_new:
                return cell
        return None

    def _take(self, trial: optuna.Trial, settings: Settings, record: Record) -> None:
        rmse = objective(record)
        tell(self._sampled, trial, rmse)
        self._done.append(Trial(trial.number, settings, rmse))
        self._show(self._done[-1], best_of(self._done))


def _name(cell: CellRecord) -> str:
    """Of the trials with these hyperparameters."""
    return json.dumps(cell.hyperparameters, sort_keys=True)


def _is_of(record: Record, default: Cell) -> bool:
    """Whether a record is of a trial of this search, whichever machine ran it."""

    def of(cell: object, names: Iterable[str]) -> list[object]:
        return [getattr(cell, name) for name in names]

    here, there = machine.environment(), record.environment
    same = ("implementation", "suite", "split", "seed", "threads", "device")
    versions = {**here.versions, **default.versions}
    return (
        record.status in SETTLED
        and of(record.cell, same) == of(default.request, same)
        and record.source.implementation_hash == default.implementation_hash
        and record.data.fingerprint == default.facts.data.fingerprint
        and record.data.split_digest == default.facts.data.split_digest
        and there.python == here.python
        and versions.items() <= there.versions.items()
    )
