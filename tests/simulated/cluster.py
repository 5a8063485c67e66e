"""What does a cell cost the client of a cluster? On machines that run nothing, with the real store.

`python -m tests.simulated.cluster` runs growing plans on 200 machines, up to 20,000 cells, three
times over: in 200 tables, in a table for each cell, and each machine all of it. It shows the CPU
time of the client for a cell, without that of the machines, the memory that a cell keeps, and the
bytes that it adds to the store. None of the three may grow with the plan.
"""

from __future__ import annotations

import gc
import itertools
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

from bench.planning.facts import Facts
from bench.planning.plan import Cell
from bench.records import Point, Record
from bench.running.cluster.dispatch import Dispatch
from bench.running.cluster.machines import Machine
from bench.running.cluster.payload import Payload, Setting
from bench.running.cluster.spreading import Spreading
from bench.running.ledger import Ledger
from bench.store import RecordStore
from tests.support.machines import FakePool, Watching, cell, greeting, recorded

MACHINES = 200
CELLS = 5_000, 20_000
CURVE = [Point(epoch=n, seconds=n, rmse=1 + 1 / n, mae=1) for n in range(1, 21)]


@dataclass
class Pool(FakePool):
    """Keeps nothing of what ran, and knows the time that it took itself."""

    own_s: float = 0.0

    def submit(self, address: str, function: Callable[..., str], *arguments: Any) -> str:
        began_s = time.process_time()
        task = super().submit(address, function, *arguments)
        for remembered in (self.payloads, self.ran_on, self.cancelled):
            remembered.clear()
        self.own_s += time.process_time() - began_s
        return task


class Quiet(Watching):
    """Counts what ended."""

    n_ended = 0

    def joined(self, machine: Machine) -> None: ...
    def finished(self, machine: Machine, record: Record) -> None:
        self.n_ended += 1


@dataclass(frozen=True)
class Cost:
    """Of a cell."""

    cells: int
    cpu_ms: float
    kept_kb: float
    stored_bytes: float


def cost(out: Path, n_machines: int, cells: list[Cell], *, each: bool = False) -> Cost:
    """Of a run of the cells, or of all of them on each machine."""
    there = {f"m{n}": greeting(f"m{n}") for n in range(n_machines)}

    def ran(address: str, payload: Payload) -> Record:
        return recorded(payload, there[address], curve=CURVE)

    pool, observer, store = Pool(dict(there), ran, step_s=1e-4), Quiet(), RecordStore(out)
    ledger = Ledger(store, observer)
    ledger.refresh()
    dispatch = Dispatch(pool, ledger, observer, Setting(run="run"), timer=pool.timer)
    before_bytes, began_s = _resident_bytes(), time.process_time()
    plan = Spreading(
        *(ledger, observer),
        cells=() if each else cells,
        for_each=(lambda _: cells) if each else None,
    )
    left_over = dispatch.run(plan)
    cpu_s = time.process_time() - began_s - pool.own_s
    kept_bytes = _resident_bytes() - before_bytes
    n_cells = n_machines * len(cells) if each else len(cells)
    if left_over or observer.n_ended != n_cells:
        raise RuntimeError(f"{observer.n_ended} of {n_cells} cells ended")
    stored = sum(file.stat().st_size for file in store.folder.glob("*.jsonl"))
    return Cost(n_cells, 1e3 * cpu_s / n_cells, kept_bytes / 1e3 / n_cells, stored / n_cells)


def planned(n_tables: int, n_rows: int) -> list[Cell]:
    """So many rows in each table."""
    cells = []
    for table in range(n_tables):
        like = cell("like", 0, f"d{table}")
        data = like.facts.data.model_copy(update={"fingerprint": f"{table:064x}"})
        facts = Facts(data, like.facts.goals)
        cells += [replace(cell(f"r{row}", 0, f"d{table}"), facts=facts) for row in range(n_rows)]
    return cells


PLANS: dict[str, Callable[[int], tuple[list[Cell], bool]]] = {
    f"{MACHINES} tables": lambda n: (planned(MACHINES, n // MACHINES), False),
    "a table for each cell": lambda n: (planned(n, 1), False),
    "all on each machine": lambda n: (planned(5, n // MACHINES // 5), True),
}
"""Cells for a plan of so many, and whether each machine runs all of them."""


def measured(name: str, n_cells: int) -> Cost:
    """Of one of the plans, where nothing ran before in this process: what is freed stays its."""
    cells, each = PLANS[name](n_cells)
    with tempfile.TemporaryDirectory() as folder:
        return cost(Path(folder), MACHINES, cells, each=each)


def main() -> None:
    print(f"{MACHINES} machines{'':20} {'cells':>8} {'CPU ms':>8} {'kept kB':>8} {'stored B':>9}")
    for name, n_cells in itertools.product(PLANS, CELLS):
        with ProcessPoolExecutor(1, get_context("spawn")) as own:
            it = own.submit(measured, name, n_cells).result()
        print(
            f"{name:32} {it.cells:>8,} {it.cpu_ms:>8.2f} {it.kept_kb:>8.2f} "
            f"{it.stored_bytes:>9,.0f}",
            flush=True,
        )


def _resident_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
