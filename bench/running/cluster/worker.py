"""`bench worker`: this machine takes cells of a cluster, one at a time.

It is `dask worker`, with what a timing needs. Dask imports this module into the worker, too, as a
preload: `dask_setup` and `dask_teardown`.
"""

from __future__ import annotations

import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import psutil

from bench.commands.terminal import UsageError, note
from bench.planning.availability import device_problem
from bench.running.cluster import address
from bench.running.cluster.greeting import CUDA, MACHINE, sources_at_start

PATIENCE_S = 60.0
"""How long a scheduler may take to answer: a batch system starts it together with its workers."""

QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__DIAGNOSTICS__NVML": "False",
    "DASK_LOGGING__DISTRIBUTED": "warning",
}
"""What Dask would do beside a timed cell: look at every thread 100 times in a second, at its own
loop 50 times, at the processes and the GPU twice. Without, an idle worker woke 4 times in a second
and took 0.2 % of a core, and with it 101 times and 2.5 %. And 15 lines as a worker starts, which
would bury its own two."""

LAST_WORDS = (
    "this machine takes no more cells: its worker was stopped, or lost the scheduler and does not "
    "wait for it. Start it again where it should go on"
)
"""Dask closes the worker alike for both."""

KILLING_S = 0.1
"""Between two looks for cells of a worker that ends."""


def worker(place: str, gpus: int) -> None:
    """Become the worker; returns never. Raises UsageError, and ClusterError where no scheduler
    answers.

    gpus  CUDA devices that cells may use here, the first ones
    """
    where = address.parse(place)
    if isinstance(where, address.Local):
        raise UsageError(f"{place} is of `bench run --cluster`, which starts its workers itself")
    if gpus and (problem := device_problem(f"{CUDA}:{gpus - 1}")):
        raise UsageError(f"--gpus {gpus}: {problem}")
    require_distributed()
    require_certificates(where, "worker")
    note(f"looking for the scheduler of {place}, for up to {PATIENCE_S:g} s")
    scheduler = address.reached(where, PATIENCE_S)
    address.require_scheduler(scheduler, "worker")
    note("this machine takes cells, one at a time, until it is stopped or loses the scheduler")
    words = command(scheduler.uri, f"{platform.node()}-{os.getpid()}", gpus)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(words[0], words, environment(os.environ))


def command(uri: str, name: str, gpus: int = 0) -> list[str]:
    """Of a worker with that name, which no other one of the scheduler has."""
    resources = f"{MACHINE}=1" + f",{CUDA}={gpus}" * bool(gpus)
    return [
        *(sys.executable, "-P", "-m", "distributed.cli.dask_worker", uri, "--name", name),
        *("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--no-dashboard"),
        *("--resources", resources, "--preload", __name__),
        *("--death-timeout", f"{PATIENCE_S:g}"),
    ]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables of a worker; those that a user set go first."""
    return {**QUIET, **variables}


def require_distributed() -> None:
    """Raises UsageError where Dask's distributed is not installed."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UsageError(
            "a cluster needs Dask, which is not installed: make cluster "
            "(pip install -e '.[cluster]')"
        ) from None


def require_certificates(where: address.Address, role: address.Role) -> None:
    """Raises UsageError where a `tls` address has no certificates here, and OSError where one of
    them cannot be read.

    role  "client" or "worker", each of which has its own
    """
    if isinstance(where, address.Scheduler) and where.uri.startswith("tls:"):
        from distributed import Security

        if Security().get_connection_args(role)["ssl_context"] is None:
            raise UsageError(
                f"{where.uri} needs certificates, and the variables DASK_DISTRIBUTED__COMM__TLS__… "
                "name none: docs/cluster.md has all of them"
            )


def dask_setup(_: Any) -> None:
    """As the worker starts."""
    logging.getLogger("distributed.worker.state_machine").setLevel(logging.ERROR)
    sources_at_start()


def dask_teardown(_: Any) -> None:
    """As the worker ends, by SIGTERM say: end its cell, for which Dask would wait.

    Dask has left its scheduler's tasks before it calls this, so that nobody hears of a cell which
    was killed here.
    """
    threading.Thread(target=_kill_cells, daemon=True).start()
    note(LAST_WORDS)


def _kill_cells() -> None:
    """Again and again, for the thread that ran one may start another before it ends."""
    own = os.getpgrp()
    while True:
        for child in psutil.Process().children():
            try:
                if (group := os.getpgid(child.pid)) != own:
                    os.killpg(group, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        time.sleep(KILLING_S)
