"""`bench doctor`: a look at the machine before a run."""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.machinery import PathFinder
from pathlib import Path

import psutil

from bench import BESIDE, machine
from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.execute import Executor, ProcessExecutor
from bench.cell.job import HarnessError, Job
from bench.cell.sandbox import bubblewrap
from bench.cell.watch import Limits
from bench.commands import terminal
from bench.planning import availability
from bench.planning.loading import class_path_of
from bench.planning.noise import noise_of, repeats_for
from bench.planning.rules import Rules
from bench.records import Roof
from bench.report.formats import significant
from bench.report.sentences import cores
from bench.roofline import stored
from datasets import cache, catalog
from datasets.synthetic_scores import MOVIES

QUIET_LOAD = 0.5
"""A load average per core above which something else is running."""

NOISE_ROW, NOISE_DATA = "numpy_sgd_strata", "synthetic-100k"
"""What is timed for the noise: a fit of some 0.2 s in NumPy, which compiles nothing."""
NOISE_RUNS, LEAST_NOISE_RUNS = 20, 12
NOISE_S = 18.0
"""Seconds after which there are no more runs than the least."""
DIFFERENCE = 0.05
"""What the repeats are to tell, as the gate does."""


def doctor() -> None:
    """Print a line per finding, then what to do about each that may spoil a timing."""
    findings = list(_findings())
    advice = [remedy for _, _, remedy in findings if remedy]
    terminal.out.print(terminal.table([finding[:2] for finding in findings]), soft_wrap=False)
    terminal.print_line("")
    for remedy in advice or ["Nothing here would disturb a timing."]:
        terminal.print_line(remedy)


def version() -> str:
    """The version, where it is installed, and in a checkout its commit."""
    commit, changed = machine.source_state()
    try:
        number = f"ratebench {importlib.metadata.version('ratebench')}"
    except importlib.metadata.PackageNotFoundError:
        number = "ratebench, not installed"
    return f"{number}, commit {commit[:7]}{' with changes' * bool(changed)}" if commit else number


def measure() -> None:
    """Measure the bounds of this machine, while no other run times a cell on it."""
    with _alone():
        terminal.note("measuring the memory bandwidth and arithmetic of this machine, once …")
        stored.measured(machine.environment(), stored.measure_apart)


def _alone() -> AbstractContextManager[None]:
    waiting = "another run is timing on this machine; waiting for its cell to end"
    return locks.exclusive(lambda: terminal.note(waiting))


def noise() -> str:
    """How noisy this machine is, as a paragraph. Raises HarnessError where that cannot be found."""
    seconds, disturbed = timed()
    found = noise_of(seconds)
    spread, halves = found.spread, found.halves
    fewest, repeats, most = (
        repeats_for(DIFFERENCE, each) for each in (spread.low, spread.value, spread.high)
    )
    drifts = "so this machine drifts, or it is the one case in 20 by chance"
    same = drifts if halves.excludes(1) else "no difference, as it should be"
    percent = [significant(100 * each, 2) for each in (spread.value, spread.low, spread.high)]
    parts = [
        f"Noise: two fits in a row of {NOISE_ROW} ({statistics.median(seconds):.2g} s, one thread, "
        f"one seed) differ by {percent[0]} % (95 % interval {percent[1]} to {percent[2]} %; "
        f"{len(seconds)} fits).",
        f"To see a difference of {100 * DIFFERENCE:g} % takes {repeats} repeats of each row "
        f"({fewest} to {most}); seeds may add noise of their own.",
        f"The row against itself: ratio {halves.value:.3f} ({halves.low:.3f} to "
        f"{halves.high:.3f}), {same}.",
    ]
    if disturbed:
        parts.append(f"Disturbed: {len(disturbed)} of {len(seconds)} fits (one {disturbed[0]}).")
    return " ".join(parts)


def timed() -> tuple[list[float], list[str]]:
    """Seconds of fits of one short row from one seed, for `noise_of`, and why some are disturbed.
    No other run times a cell meanwhile. Raises HarnessError."""
    with _alone(), contextlib.ExitStack() as held:
        terminal.note(f"timing {NOISE_ROW} {NOISE_RUNS} times, for the noise of this machine …")
        splits = Splits()
        held.callback(splits.discard)
        return _timed_again_and_again(ProcessExecutor(), splits)


def _timed_again_and_again(executor: Executor, splits: Splits) -> tuple[list[float], list[str]]:
    """Fit times, and why some are disturbed."""
    prepared = splits.prepare(NOISE_DATA, "random:90/10", 0)
    job = Job(
        *(class_path_of(NOISE_ROW), {}, "cpu", 0, 1, prepared.folder.name),
        *(prepared.n_users, prepared.n_items, MOVIES.scale, Rules()),
    )
    limits = Limits(time_limit_s=60, memory_limit_bytes=psutil.virtual_memory().available)
    seconds: list[float] = []
    disturbed: list[str] = []
    until = time.monotonic() + NOISE_S
    executor.execute(job, prepared.test, limits, lambda _: None)  # files come into memory
    while len(seconds) < NOISE_RUNS and (
        len(seconds) < LEAST_NOISE_RUNS or len(seconds) % 2 or time.monotonic() < until
    ):
        outcome = executor.execute(job, prepared.test, limits, lambda _: None)
        if outcome.result is None:
            raise HarnessError(f"{NOISE_ROW} {outcome.status}: {outcome.reason}")
        fit_s = outcome.result.parts.fit
        seconds.append(fit_s)
        if (found := outcome.result.disturbance) and (reason := found.of_fit(fit_s)):
            disturbed.append(reason)
    return seconds, disturbed


def _findings() -> Iterator[tuple[str, str, str]]:
    """(what, found, remedy or "")."""
    environment = machine.current_environment()
    versions = ", ".join(f"{name} {number}" for name, number in environment.versions.items())
    yield "machine", f"{environment.cpu}, {cores(environment)}", ""
    yield "memory", f"{environment.memory_gb:g} GB", ""
    yield "python", f"{environment.python}; {versions}", ""
    problem = availability.device_problem("cuda")
    yield "cuda", problem or environment.gpu or "available", ""
    busy = environment.load / machine.usable_cores().cpus > QUIET_LOAD
    remedy = f"! load average {environment.load:g}: timings will be high; stop what else runs here"
    yield "load", f"{environment.load:g} over the last minute", remedy * busy
    yield "clock", f"perf_counter, resolution {_resolution_ns()} ns", ""
    yield from _governor()
    yield from _clashes()
    yield from _roofs(environment.roofs)
    yield _lock()
    contained = bubblewrap.problem()
    remedy = "! rows run without a sandbox: see above"
    yield "sandbox", contained or bubblewrap.version(), remedy * bool(contained)
    yield "commit", machine.source_problem() or machine.source_state()[0] or "", ""
    yield _cache()
    for name in ("ml-100k", "ml-1m"):
        where = catalog.find(name)
        remedy = f"! {name} will be downloaded, or set RATEBENCH_DATA to a folder with it"
        yield name, where or "not found", "" if where else remedy


def _lock() -> tuple[str, str, str]:
    if unshared := locks.shortcoming():
        remedy = "! runs of other users on this machine do not wait for yours: see lock above"
        return "lock", unshared, remedy
    if apart := os.environ.get(locks.APART):
        remedy = f"! {locks.APART} is set: runs wait only for those that use the same folder"
        return "lock", f"in {apart}, by {locks.APART}", remedy
    return "lock", "one run at a time on this machine, for all users", ""


def _governor() -> Iterator[tuple[str, str, str]]:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if path.is_file():
        governor = path.read_text(encoding="utf-8").strip()
        remedy = "! CPU governor is powersave: `cpupower frequency-set -g performance`"
        yield "governor", governor, remedy * (governor == "powersave")


def _clashes() -> Iterator[tuple[str, str, str]]:
    """Other packages that have the name of one of ratebench's."""
    owners = importlib.metadata.packages_distributions()
    for name, place in BESIDE.items():
        others = sorted({*owners.get(name, [])} - {"ratebench"})
        found = [f"of the distribution {each}" for each in others]
        specs = (PathFinder.find_spec(name, [folder]) for folder in sys.path)
        places = {Path(spec.origin) for spec in specs if spec and spec.origin}
        found += [f"in {each.parent}" for each in sorted(places) if not each.samefile(place)]
        if found:
            remedy = (
                f"! there is another package `{name}`: ratebench uses its own, and a row that "
                "needs the other one fails; install ratebench into an environment of its own"
            )
            yield name, f"another package of that name: {', '.join(found)}", remedy


def _roofs(roofs: list[Roof]) -> Iterator[tuple[str, str, str]]:
    if not roofs:
        yield "bounds", "not measured yet; `bench doctor --measure` does it, or the next run", ""
    for roof in roofs:
        rows = ", ".join(
            f"{rate / 1e9:.3g} in {size / 2**20:g} MiB" for size, rate in roof.bandwidth.items()
        )
        bounds = f"{roof.flops_per_s / 1e9:.3g} Gflop/s in float32; GB/s over rows: {rows}"
        yield terminal.plural(roof.threads, "thread"), bounds, ""


def _cache() -> tuple[str, str, str]:
    folder = cache.folder()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    free = f"{shutil.disk_usage(nearest).free / 1e9:.0f} GB free"
    if cache.writable(folder):
        return "cache", f"{folder}, {free}", ""
    return "cache", f"{folder} cannot be written", "! set RATEBENCH_CACHE to a folder you may write"


def _resolution_ns() -> int:
    """The smallest step between two readings, as seen in a thousand."""
    readings = [time.perf_counter_ns() for _ in range(1000)]
    return min(b - a for a, b in itertools.pairwise(readings) if b > a)
