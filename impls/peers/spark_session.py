"""Spark's session of this process: its JVM, its threads and where it may write."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from impls.peers.shared import pinned

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXIT_S = 8.0
"""Seconds that a JVM may take to end."""

PART = 250_000
"""Ratings of a part that goes to Spark."""

CHECKPOINTS = "spark.checkpoint.dir"
"""Spark's name of the folder in which it makes one for a session."""

_TEMPORARY = contextlib.ExitStack()
"""The checkpoints of a session on this machine."""


def session(master: str, checkpoints: str) -> SparkSession:
    """The session on `master`, on this machine with the pinned threads where that is empty.

    The first call in a process starts the JVM. A call for another master, or for another folder,
    ends the session before.

    checkpoints  a folder that the driver and all executors reach; may be empty on this machine

    Raises ValueError where there must be one.
    """
    from pyspark.sql import SparkSession

    if master and not master.startswith("local") and not checkpoints:
        raise ValueError(
            f"{master} needs checkpoint_dir: a folder that the driver and all executors reach"
        )
    # As many as are pinned now: a session before may have had more.
    wanted = master or f"local[{pinned()}]"
    running = SparkSession.getActiveSession()
    if running is not None and (
        running.sparkContext.master != wanted
        or (checkpoints and running.conf.get(CHECKPOINTS) != checkpoints)
    ):
        _stop(running)
        running = None
    return running or _start(wanted, checkpoints)


def _start(master: str, checkpoints: str) -> SparkSession:
    from pyspark.sql import SparkSession

    settings = {
        CHECKPOINTS: checkpoints or _TEMPORARY.enter_context(tempfile.TemporaryDirectory()),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.local.dir": tempfile.gettempdir(),
        # Ratings from this process: as columns, not as rows of a plan, and in parts of some MB, of
        # which each is a task. With Spark's 10,000 a fit of 8 million takes three times the CPU.
        "spark.sql.execution.arrow.localRelationThreshold": "0",
        "spark.sql.execution.arrow.maxRecordsPerBatch": f"{PART}",
        # The factors come back whole, more than 1 GB where they are.
        "spark.driver.maxResultSize": "0",
        # Spark's own 1 GB is too little for what a machine of any size can hold.
        "spark.driver.memory": f"{_memory_bytes() // 2 >> 20}m",
    }
    if master.startswith("local"):
        # A sandbox has this address and no other, and cannot resolve its own name.
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Of the compiler and the garbage collector, too, which would else take every core.
        settings["spark.driver.extraJavaOptions"] = f"-XX:ActiveProcessorCount={pinned()}"
    builder = SparkSession.builder.master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    started = builder.getOrCreate()
    atexit.unregister(_end)
    atexit.register(_end)
    return started


def _stop(session: SparkSession) -> None:
    """With its checkpoints, which Spark would leave where they are."""
    context = session.sparkContext
    jvm: Any = context._jvm
    folder = jvm.org.apache.hadoop.fs.Path(context.getCheckpointDir())
    folder.getFileSystem(context._jsc.hadoopConfiguration()).delete(folder, True)
    session.stop()


def _end() -> None:
    """End the JVM, and wait for it: else it would outlive this process by a second or so."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if (running := SparkSession.getActiveSession()) is not None:
        _stop(running)
    _TEMPORARY.close()
    if (gateway := SparkContext._gateway) is None:
        return
    gateway.shutdown()
    jvm: subprocess.Popen[bytes] = gateway.proc
    if jvm.stdin is not None:
        jvm.stdin.close()  # at whose end it ends
    with contextlib.suppress(subprocess.TimeoutExpired):
        jvm.wait(EXIT_S)


def _memory_bytes() -> int:
    """Of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
