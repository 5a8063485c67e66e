"""What a cluster costs, and what it gives, with workers that are processes of this machine.

`python -m tests.speed.cluster` prints by how much a cell of `global_mean` takes longer over a
cluster than without one, in pairs, and how much sooner a search ends with two workers than with
one, each worker on a core of its own. It takes some five minutes and wants a machine that does
nothing else.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.cell.data import Splits
from bench.cell.execute import ProcessExecutor
from bench.planning.availability import Elsewhere
from bench.planning.describing import plainly
from bench.planning.facts import Loader
from bench.planning.plan import Cell, Planner
from bench.planning.suite import Block, Suite
from bench.running.cluster.connecting import Connection, connect
from bench.running.cluster.dispatch import Dispatch
from bench.running.cluster.greeting import Greeting
from bench.running.cluster.payload import Setting
from bench.running.cluster.pool import DaskPool
from bench.running.cluster.spreading import Spreading
from bench.running.ledger import Ledger
from bench.running.runner import Runner
from bench.stats import median_interval
from bench.store import RecordStore
from bench.tune.session import SETTLED, default_of, trial_of
from bench.tune.several import Trials
from bench.tune.study import Range, Study
from tests.support.clusters import Heard, processes, until
from tests.support.machines import Watching
from tests.support.running import Silent

DATASET = "synthetic-100k"
STUDY = Study(
    name="speed",
    description="",
    implementations=["numpy_sgd"],
    dataset=DATASET,
    fixed={"epochs": 4},
    space={"learning_rate": Range(low=0.01, high=0.1, log=True)},
)
"""Of trials that take seconds, and about as long each."""


class SomeOf(DaskPool):
    """Of the machines, the first `most`."""

    most = 1

    def look(self) -> Mapping[str, Greeting]:
        return dict(sorted(super().look().items(), key=lambda it: it[1].name)[: self.most])


@dataclass
class Measured:
    """Runs plans in a connection, each in a folder of its own."""

    connection: Connection
    folder: Path
    n: int = 0

    @contextlib.contextmanager
    def dispatch(self, machines: int, *, blind: bool = False) -> Iterator[tuple[Dispatch, Ledger]]:
        self.n += 1
        setting = Setting(run=f"speed{self.n}", sandbox="off", blind=blind)
        ledger = Ledger(RecordStore(self.folder / str(self.n)), Watching(), SETTLED)
        pool = SomeOf(self.connection, setting.run)
        pool.most = machines
        ledger.refresh()
        try:
            yield Dispatch(pool, ledger, Watching(), setting), ledger
        finally:
            pool.close()


def overhead(measured: Measured, pairs: int) -> None:
    """Print the difference of a cell's wall time."""
    loader = Loader()
    planner = Planner(loader.facts, loader.check_split, 1, place=Elsewhere(cuda=False))
    block = Block(implementations=["global_mean"], datasets=[DATASET], devices=["cpu"])
    [cell] = planner.plan(Suite(name="speed", description="", blocks=[block]))
    store = RecordStore(measured.folder / "alone")
    runner = Runner(store, ProcessExecutor(), Silent(), 10**9, Splits(loader))
    differences = []
    with measured.dispatch(1) as (dispatch, ledger):

        def over() -> None:
            assert not dispatch.run(Spreading(ledger, Watching(), cells=[cell], fresh=True))

        def alone() -> None:
            runner.record_of(cell, fresh=True)

        for _ in range(pairs + 1):
            seconds = {}
            for way in random.sample([over, alone], 2):
                began = time.perf_counter()
                way()
                seconds[way] = time.perf_counter() - began
            differences.append(seconds[over] - seconds[alone])
        del differences[0]  # of the first pair each one reads the ratings
    found = median_interval(differences, 0.95)
    print(
        f"a cell of global_mean over the cluster, less one without: {found.value:.3f} s "
        f"({found.low:.3f} to {found.high:.3f}, {pairs} pairs)"
    )
    runner.splits.discard()


def search_s(measured: Measured, machines: int, trials: int) -> float:
    """Wall seconds of a search."""
    loader = Loader()
    planner = Planner(loader.facts, loader.check_split, 1, place=Elsewhere(cuda=False))
    cell: Cell = default_of(STUDY, "", loader, planner)
    with measured.dispatch(machines, blind=True) as (dispatch, _):
        shown: list[object] = []
        plan = Trials(
            *(STUDY, trials, cell, trial_of(cell, plainly), []), lambda *it: shown.append(it)
        )
        began = time.perf_counter()
        assert not dispatch.run(plan)
        assert len(shown) == trials
        return time.perf_counter() - began


def main(
    pairs: Annotated[int, typer.Option(help="Of the overhead.")] = 30,
    trials: Annotated[int, typer.Option(help="Of each search.")] = 16,
    turns: Annotated[int, typer.Option(help="Searches with one worker, and with two.")] = 2,
) -> None:
    with tempfile.TemporaryDirectory() as folder, processes(Path(folder)) as started:
        _, uri = started.scheduler()
        for number in range(2):
            core = sorted(os.sched_getaffinity(0))[-1 - number]
            with _on_core(core):  # what is started here stays there
                started.worker(uri, f"worker-{number}")
        with connect(uri, Heard()) as connection:

            def both() -> bool:
                connection.poll()
                return len(connection.machines()) == 2

            until(both, "two workers")
            measured = Measured(connection, Path(folder) / "records")
            overhead(measured, pairs)
            search_s(measured, 2, 4)  # compiles
            seconds: dict[int, list[float]] = {1: [], 2: []}
            for turn in range(turns):
                for machines in (1, 2) if turn % 2 == 0 else (2, 1):
                    seconds[machines].append(search_s(measured, machines, trials))
            ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
            print(
                f"a search of {trials} trials: {sum(seconds[1]) / turns:.1f} s with one worker, "
                f"{sum(seconds[2]) / turns:.1f} s with two: "
                f"{sum(seconds[1]) / sum(seconds[2]):.2f} times as fast "
                f"({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
            )


@contextlib.contextmanager
def _on_core(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


if __name__ == "__main__":
    typer.run(main)
