"""One cell, inside its own process: `python -m bench.cell.worker CONTROL_FD EVENTS_FD SPAWNED_NS`.

The control pipe brings the job and, only after training, the folder with the test pairs;
its end means that the harness is gone, and the worker goes too. Events go back as JSON lines.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cell import numerics
from bench.cell.clock import Clock
from bench.cell.device import device_of, is_full
from bench.cell.energy import account, nvml_meter
from bench.cell.guards import contradiction
from bench.cell.job import DTYPES, Job, read_column, read_train, read_validation
from bench.cell.training import AsManyEpochs, Checkpoint, ClockedTraining, OneEpoch
from bench.planning.availability import index_of
from bench.planning.loading import load_class, restored
from bench.score import ColdStart, check_predictions
from datasets.ratings import HeldOut, Ratings
from impls.protocol import Implementation

Send = Callable[..., None]
Fit = Callable[[], object]


def main(control_fd: int, events_fd: int, spawned_ns: int) -> int:
    """Run the job that the control pipe brings; returns the exit code."""
    clock = Clock(spawned_ns, part="import")
    orders = _listen(control_fd)
    send = _sender(events_fd)
    job = Job.from_json(orders.get())
    try:
        fit_again = _run(job, clock, orders, send)
    except MemoryError as error:
        send("failed", status="out of memory", reason=_told(error, job))
    except Exception as error:
        traceback.print_exc()
        if is_full(error):
            send("failed", status="out of memory", reason=_told_of_device(error, job))
        else:
            send("failed", status="failed", reason=_told(error, job))
    else:
        if fit_again is not None:
            send("phase", name="energy")
            gc.collect()  # of the fitted model, so that there is room for another
            told = account(fit_again, lambda: nvml_meter(index_of(job.device)))
            send("energy", **told, ended_ns=time.perf_counter_ns())
    return 0


def _run(job: Job, clock: Clock, orders: queue.Queue[str], send: Send) -> Fit | None:
    """The cell, to its result. Returns what makes the same fit once more, where its energy is to
    be measured: on a device that may have a counter, of a fit that came to its end."""
    send("phase", name="import")
    implementation = load_class(job.target)
    device = device_of(job.device)
    numerics.settle()
    hyperparameters = restored(implementation, job.hyperparameters)

    def fresh() -> Any:
        return implementation(**hyperparameters, device=job.device, seed=job.seed)

    model = fresh()

    clock.enter("overhead")
    train, validation = read_train(job), read_validation(job)
    cold_start = ColdStart(train)

    send("phase", name="warm-up")
    clock.enter("warmup")
    device.open()
    clock.synchronise = device.synchronise  # from here on: before there is no context
    _warm_up(fresh(), train, job.seed)

    clock.enter("overhead")
    numerics.settle()  # again, for a row that imports torch when it is asked to fit
    threads = _pinned_threads(job.threads)
    training = ClockedTraining(
        model=model,
        validation=validation,
        clock=clock,
        cold_start=cold_start,
        scale=job.scale,
        rules=job.rules,
        on_checkpoint=lambda point, planned: _send_point(send, clock, point, planned),
    )

    send("phase", name="fit")
    gc.collect()
    gc.disable()
    host_base_bytes = _host_base_bytes(train, validation)
    device.reset_peak()
    clock.enter("fit")
    model.fit(train, training)
    clock.enter("overhead")
    settings = numerics.in_force()
    gc.enable()
    training.finish()
    if training.fault is not None:
        send("failed", status="failed", reason=training.fault)
        return None

    send("phase", name="predict")
    pairs = orders.get().strip()
    users, items = (read_column(pairs, "test", name) for name in ("users", "items"))
    clock.enter("predict")
    predicted = model.predict(users, items)
    clock.enter("overhead")
    check_predictions(predicted, len(users)).tofile(Path(pairs) / "predicted")
    if fault := contradiction(model, users, items, predicted, job.scale):
        send("failed", status="failed", reason=fault)
        return None
    send(
        "result",
        epochs=training.epochs_of_fit,
        epochs_ran=training.epochs_ran,
        best_epoch=training.best_epoch,
        epoch_s=training.epoch_s,
        val_rmse=training.best_rmse if math.isfinite(training.best_rmse) else None,
        timed_out=training.timed_out,
        diverged_at=training.diverged_at,
        threads=threads,
        numerics=settings,
        host_peak_bytes=_resident_bytes("VmHWM"),
        host_base_bytes=host_base_bytes,
        device_peak_bytes=device.peak_bytes(),
        parts=_closed(clock),
        ended_ns=clock.now_ns,
    )
    if job.device == "cpu" or training.timed_out or training.diverged_at is not None:
        return None
    return _fit_again(fresh, train, training.epochs_of_fit, device.synchronise)


def _warm_up(model: Implementation, train: Ratings, seed: int) -> None:
    """First fit on 1,000 ratings, one epoch: JIT, device context, allocator, thread pools."""
    sample = train.sample(1000, seed)
    model.fit(sample, OneEpoch())
    model.predict(sample.users, sample.items)


def _fit_again(
    fresh: Callable[[], Implementation],
    train: Ratings,
    epochs: int,
    synchronise: Callable[[], None],
) -> Fit:
    """The same work from the same seed, without the harness's looks. It holds no fitted model."""

    def fit() -> None:
        fresh().fit(train, AsManyEpochs(ran=epochs))
        synchronise()

    return fit


def _listen(control_fd: int) -> queue.Queue[str]:
    """Lines of the control pipe; at its end the harness has died and this group with it."""
    os.set_inheritable(control_fd, False)
    orders: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        with os.fdopen(control_fd) as control:
            for line in control:
                orders.put(line)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    return orders


def _sender(events_fd: int) -> Send:
    os.set_inheritable(events_fd, False)

    def send(event: str, **fields: Any) -> None:
        data = (json.dumps({"event": event, **fields}) + "\n").encode()
        while data:
            data = data[os.write(events_fd, data) :]

    return send


def _send_point(send: Send, clock: Clock, point: Checkpoint, planned: int) -> None:
    clock.enter(clock.part)  # book the evaluation so far
    finite = math.isfinite(point.rmse)
    fields = {**dataclasses.asdict(point), **({} if finite else {"rmse": None, "mae": None})}
    send("checkpoint", planned=planned, evaluation_s=clock.seconds("evaluation"), **fields)


def _closed(clock: Clock) -> dict[str, float]:
    clock.enter("overhead")
    return clock.parts()


def _pinned_threads(allowed: int) -> dict[str, int]:
    """Threads of every pool that is loaded; raises RuntimeError where one has too many."""
    from threadpoolctl import threadpool_info  # after the implementation's own imports

    pools: dict[str, int] = {}
    for pool in threadpool_info():  # several may have one name, as NumPy's and SciPy's BLAS
        name = str(pool["prefix"])
        pools[name] = max(int(pool["num_threads"]), pools.get(name, 0))
    if torch := sys.modules.get("torch"):
        pools["torch"] = torch.get_num_threads()
    if numba := sys.modules.get("numba"):
        pools["numba"] = numba.get_num_threads()
    if over := {name: n for name, n in pools.items() if n > allowed}:
        raise RuntimeError(f"thread pools beyond --threads {allowed}: {over}")
    return pools


def _host_base_bytes(train: Ratings, validation: HeldOut) -> int | None:
    """What is resident now besides the ratings."""
    resident = _resident_bytes("VmRSS")
    columns = [getattr(part, name) for part in (train, validation) for name in DTYPES]
    return None if resident is None else resident - sum(column.nbytes for column in columns)


def _resident_bytes(which: str) -> int | None:
    """Resident memory of this program in bytes, `VmRSS` now or `VmHWM` at its peak; None
    where Linux's /proc is missing.

    getrusage would also count the parent's memory from before this program was started.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = next(line for line in status.splitlines() if line.startswith(which))
    return int(found.split()[1]) * 1024


def _told_of_device(error: Exception, job: Job) -> str:
    """What could not be had, and how full the device is. torch's own words go on with advice."""
    return f"{_told(error, job).partition(' GPU ')[0]} {device_of(job.device).told()}"


def _told(error: Exception, job: Job) -> str:
    """`file.py:12: ValueError: message`: the implementation's own line, else the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    module = job.target.rpartition(":")[0]
    path = module if module.endswith(".py") else module.replace(".", "/") + ".py"
    own = [frame for frame in frames if frame.filename.endswith(path)]
    frame = (own or frames)[-1]
    message = str(error).strip().partition("\n")[0]
    return f"{Path(frame.filename).name}:{frame.lineno}: {type(error).__name__}: {message}"


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
