"""The kernel's counters of what keeps a fit from its cores: texts as /proc has them, and real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cell.clock import Clock
from bench.cell.disturbance import Meter, steal_ticks, stolen_since, waited_since, waits
from bench.records import Disturbance

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="counters of Linux")
counts = st.integers(0, 2**63)


@given(st.dictionaries(st.integers(0, 300), counts, min_size=1), st.data())
def test_steal_is_that_of_the_cores_it_may_use(steals: dict[int, int], data: st.DataObject) -> None:
    cores = "".join(f"cpu{n} 1 2 3 4 5 6 7 {ticks} 9 9\n" for n, ticks in steals.items())
    stat = f"cpu  1 2 3 4 5 6 7 99 9 9\n{cores}intr 5 0 0\nctxt 8\n".encode()
    used = data.draw(st.sets(st.sampled_from(sorted(steals)), min_size=1))
    assert steal_ticks(stat, used) == {n: steals[n] for n in used}
    assert steal_ticks(stat, used | {301}) is None


@pytest.mark.parametrize("line", ["cpu0 1 2 3 4 5 6 7", "cpu0", "cpu0 1 2 3 4 5 6 7 x", "", "\n"])
def test_a_system_that_does_not_count_steal_has_none(line: str) -> None:
    assert steal_ticks(line.encode(), {0}) is None
    assert steal_ticks(line.encode(), ()) is None


@given(st.binary(), st.sets(st.integers(0, 9)))
def test_no_text_breaks_the_parsers(text: bytes, cpus: set[int]) -> None:
    steal_ticks(text, cpus)
    waits({"1": text})


@pytest.mark.parametrize("text", ["0 0 0\n", "", "1 2\n", "none\n", "1 2 3 4\n"])
def test_a_kernel_that_does_not_count_waits_has_none(text: str) -> None:
    assert waits({"7": text.encode()}) is None
    assert waits({}) is None


def test_a_new_thread_that_has_not_run_is_no_missing_counter() -> None:
    assert waits({"7": b"900 60 2\n", "8": b"0 0 0\n"}) == {"7": 60, "8": 0}


def test_threads_may_begin_end_and_leave_their_number_to_another() -> None:
    before = {"old": 100, "ended": 70, "number used again": 50}
    now = {"old": 130, "new": 5, "number used again": 20}
    assert waited_since(before, now) == 30 + 5 + 20


class Proc:
    """A folder like /proc, for this process's cores."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "self/task/7").mkdir(parents=True)
        self.set(steal=0, waited_ns=0)

    def set(self, steal: int, waited_ns: int, cores: Collection[int] = ()) -> None:
        """`steal`: of the first core."""
        lines = [
            f"cpu{n} 0 0 0 0 0 0 0 {0 if place else steal} 0 0"
            for place, n in enumerate(sorted(cores or os.sched_getaffinity(0)))
        ]
        (self.folder / "stat").write_text("\n".join(lines), encoding="utf-8")
        schedstat = self.folder / "self/task/7/schedstat"
        schedstat.write_text(f"5 {waited_ns} 1\n", encoding="utf-8")


@ON_LINUX
def test_what_happens_beside_the_training_clock_is_not_in_it(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    meter = Meter(tmp_path)
    clock = Clock(0, "import", meter=meter)
    proc.set(steal=10, waited_ns=1_000)
    clock.enter("fit")
    proc.set(steal=13, waited_ns=1_200)
    with clock.during("evaluation"):
        proc.set(steal=100, waited_ns=9_000)
        clock.enter(clock.part)
    clock.enter("fit")  # no part begins or ends
    proc.set(steal=104, waited_ns=9_030)
    clock.enter("overhead")
    proc.set(steal=200, waited_ns=20_000)
    clock.enter("predict")
    total = meter.total()
    assert total["steal_s"] == pytest.approx((3 + 4) * TICK_S)
    assert total["wait_s"] == pytest.approx(230e-9)


@ON_LINUX
def test_a_row_that_takes_fewer_cores_or_more_does_not_change_what_was_stolen(
    tmp_path: Path,
) -> None:
    """From those that it may use at its start, each by itself."""
    assert stolen_since({0: 5, 1: 9}, {0: 7, 1: 9}) == 2
    assert stolen_since({0: 5, 1: 9}, {0: 7, 1: 3, 2: 8}) == 2
    proc, cores = Proc(tmp_path), os.sched_getaffinity(0)
    meter = Meter(tmp_path)
    meter.start()
    try:
        os.sched_setaffinity(0, {max(cores)})
        proc.set(steal=13, waited_ns=0, cores=cores)
        meter.stop()
    finally:
        os.sched_setaffinity(0, cores)
    assert meter.total()["steal_s"] == pytest.approx(13 * TICK_S)


@ON_LINUX
def test_a_counter_that_is_gone_leaves_no_figure(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    meter = Meter(tmp_path)
    meter.start()
    meter.stop()
    meter.start()
    for path in ("stat", "self/task/7/schedstat"):
        (proc.folder / path).unlink()
    meter.stop()
    assert (meter.total()["steal_s"], meter.total()["wait_s"]) == (None, None)


def test_a_system_without_proc_has_switches_alone(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    meter.start()
    meter.stop()
    total = Disturbance.model_validate(meter.total())
    assert (total.steal_s, total.wait_s) == (None, None)
    assert total.involuntary_switches >= 0


def test_nothing_is_read_within_the_training_clock() -> None:
    order: list[str] = []

    class Noted:
        def start(self) -> None:
            order.append("start")

        def stop(self) -> None:
            order.append("stop")

    def timer() -> int:
        order.append("time")
        return 0

    clock = Clock(0, "import", timer, lambda: order.append("device"), meter=Noted())
    clock.enter("fit")
    clock.enter("overhead")
    assert order == ["device", "start", "time", "device", "time", "stop"]


COMPETING = """
import json, os, sys, time
from bench.cell.disturbance import Meter

core = {min(os.sched_getaffinity(0))}
os.sched_setaffinity(0, core)
read, write = os.pipe()
if not os.fork():
    os.close(write)
    os.set_blocking(read, False)
    while True:  # until its parent has ended
        try:
            if not os.read(read, 1):
                os._exit(0)
        except BlockingIOError:
            pass
meter = Meter()
meter.start()
while time.process_time() < 0.3:
    pass
meter.stop()
print(json.dumps(meter.total()))
"""

POOL = """
import json, os, time
import numpy as np
from bench.cell.disturbance import Meter

a = np.ones((400, 400))
a @ a
core = {min(os.sched_getaffinity(0))}
for thread in os.listdir("/proc/self/task"):
    os.sched_setaffinity(int(thread), core)
meter = Meter()
before = meter._read().waited_ns
meter.start()
while time.process_time() < 1:
    a @ a
meter.stop()
now = meter._read().waited_ns
grew = [now[thread] > before.get(thread, 0) for thread in now]
print(json.dumps({**meter.total(), "threads": sum(grew)}))
"""


def _ran(script: str, **variables: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return dict(json.loads(done.stdout))


@ON_LINUX
def test_another_process_on_the_same_core_makes_it_wait() -> None:
    total = _ran(COMPETING)
    assert total["wait_s"] > 0
    assert total["involuntary_switches"] > 0


@ON_LINUX
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="BLAS has a pool on two cores or more")
def test_the_threads_of_a_pool_are_counted() -> None:
    total = _ran(POOL, OPENBLAS_NUM_THREADS="2")
    assert total["threads"] > 1
    assert total["wait_s"] > 0
