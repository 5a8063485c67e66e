"""`bench doctor --cluster`: each machine of a cluster, whether it takes cells, and its noise."""

from __future__ import annotations

import json
import time
from typing import Any

from bench.commands import doctor, terminal
from bench.commands.terminal import plural
from bench.planning.noise import noise_of, repeats_for
from bench.report.formats import significant
from bench.report.sentences import cores
from bench.running.cluster.address import ClusterError
from bench.running.cluster.connecting import Connection, connected
from bench.running.cluster.greeting import CUDA, MACHINE, Greeting

ANSWERS_S = 30.0
"""How long the workers that are there may take to answer."""
TIMING_S = 300.0
"""How long their timings may take, which wait for cells of other runs."""
BETWEEN_S = 0.1

HEADERS = ["machine", "CPU", "memory", "GPU", "load", "noise", "repeats for 5 %", "cells"]
Timed = tuple[list[float], list[str]]


class _Notes:
    """Shows what concerns the whole cluster; the table has what concerns one machine."""

    def on_note(self, text: str) -> None:
        terminal.note(text)

    def on_joined(self, name: str) -> None: ...
    def on_refused(self, name: str, reason: str) -> None: ...
    def on_left(self, name: str) -> None:
        terminal.note(f"{name} left")


def survey(place: str) -> None:
    """Print the table. Raises UsageError and ClusterError as `connect` does, and the latter where
    there is no worker at all."""
    with connected(place, _Notes()) as connection:
        connection.wait_for_answers(ANSWERS_S)
        timed = _timed(connection)
        rows = [
            *(_row(each.name, each, timed.get(place)) for place, each in _joined(connection)),
            *(_refused(name, each) for name, (_, each) in sorted(connection.refused.items())),
            *(_refused(name, None) for name in connection.awaited),
        ]
        for name, (reason, _) in sorted(connection.refused.items()):
            terminal.warn(f"{name} takes no cells: {reason}")
        for name in connection.awaited:
            terminal.warn(f"{name} takes no cells: it does not answer")
    if not rows:
        raise ClusterError(
            f"no worker is at {connection.uri}: start one on a machine with "
            f"`bench worker {connection.uri}`"
        )
    terminal.out.print(terminal.table(rows, HEADERS), soft_wrap=False)


def time_fits() -> str:
    """`doctor.timed` on a worker, as JSON."""
    return json.dumps(doctor.timed())


def _joined(connection: Connection) -> list[tuple[str, Greeting]]:
    return sorted(connection.machines().items(), key=lambda item: item[1].name)


def _timed(connection: Connection) -> dict[str, Timed | str]:
    """Address -> what was timed there, on all machines at once that run nothing, or why nothing
    was."""
    submitted = {
        place: connection.client.submit(
            *(time_fits,),
            workers=[place],
            allow_other_workers=False,
            resources={MACHINE: 1},
            pure=False,
        )
        for place, greeting in connection.machines().items()
        if not greeting.busy
    }
    if submitted:
        n_busy = len(connection.machines()) - len(submitted)
        which = f"each of {plural(len(submitted), 'machine')}{' that is free' * bool(n_busy)}"
        terminal.note(f"timing {doctor.NOISE_ROW} {doctor.NOISE_RUNS} times on {which} …")
    until = time.monotonic() + TIMING_S
    while time.monotonic() < until and not all(
        answer.done() for place, answer in submitted.items() if place in connection.machines()
    ):
        time.sleep(BETWEEN_S)
        connection.poll()
    return {
        place: _found(submitted[place]) if place in submitted else "busy"
        for place in connection.machines()
    }


def _found(answer: Any) -> Timed | str:
    if not answer.done():
        return "busy"
    try:
        seconds, disturbed = json.loads(answer.result())
    except Exception as error:  # whatever a fit or Dask raises there
        return f"{type(error).__name__}: {error}"
    return seconds, disturbed


def _row(name: str, greeting: Greeting, timed: Timed | str | None) -> list[str]:
    """A machine that takes cells."""
    noise, repeats = "", ""
    if isinstance(timed, str):
        noise = timed
    elif timed:
        seconds, disturbed = timed
        spread = noise_of(seconds).spread
        value, *ends = (
            significant(100 * each, 2) for each in (spread.value, spread.low, spread.high)
        )
        noise = f"{value} % ({' to '.join(ends)})"
        noise += f", {len(disturbed)} of {len(seconds)} disturbed" * bool(disturbed)
        repeats = str(repeats_for(doctor.DIFFERENCE, spread.value))
    return [_named(name, greeting), *_hardware(greeting), noise, repeats, "one at a time"]


def _refused(name: str, greeting: Greeting | None) -> list[str]:
    if greeting is None:
        return [name, *[""] * 6, "none"]
    return [_named(name, greeting), *_hardware(greeting), "", "", "none"]


def _named(name: str, greeting: Greeting) -> str:
    """A worker, and its machine as records have it."""
    return f"{name} ({greeting.environment.machine})"


def _hardware(greeting: Greeting) -> list[str]:
    here = greeting.environment
    gpus = f"{here.gpu}, {greeting.resources.get(CUDA, 0):g} for cells" if here.gpu else "none"
    return [f"{here.cpu}, {cores(here)}", f"{here.memory_gb:g} GB", gpus, f"{here.load:g}"]
