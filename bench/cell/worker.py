"""One cell, inside its own process: `python -m bench.cell.worker CONTROL_FD EVENTS_FD SPAWNED_NS`.
Or several trials of one search, one after the other, where their jobs say that more will come.

The control pipe brings a secret, the job and, only after training, the folder with the test pairs;
where it closes, the harness has ended, and the worker ends too. Events go back as lines of JSON,
which `bench.cell.events` defines, each after the secret.
"""

from __future__ import annotations

import contextlib
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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cell import numerics
from bench.cell.clock import TRAINING, Clock, cpu_ns_with
from bench.cell.device import device_of, is_full
from bench.cell.disturbance import Meter
from bench.cell.energy import account, nvml_meter
from bench.cell.guards import Hooks, descendants, inconsistency
from bench.cell.job import (
    DTYPES,
    ENOUGH,
    LOST_PIPE,
    Job,
    StorageError,
    digest_of,
    read_column,
    read_sample,
    read_train,
    read_validation,
    write_predictions,
)
from bench.cell.training import ClockedReferee, EpochLimit, Evaluation, only_its_verdicts
from bench.planning.availability import index_of
from bench.planning.loading import load_class, reason_of, restored
from bench.score import ColdStart, check_predictions
from datasets.ratings import HeldOut, Ratings
from impls.protocol import Implementation, Training

if TYPE_CHECKING:
    import psutil

Send = Callable[..., None]
Fit = Callable[[], object]


def main(control_fd: int, events_fd: int, spawned_ns: int) -> int:
    """Run the jobs that the control pipe brings; returns the exit code."""
    # A SIGINT from outside ends the process by the signal; a KeyboardInterrupt is the row's own.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    hooks = Hooks()
    secret: list[str] = []
    send = _sender(events_fd, secret)
    orders = Orders(control_fd, send)
    secret.append(orders.get().strip())
    more = True
    while more:
        job = Job.from_json(orders.get())
        _complete(job, spawned_ns if job.began_ns is None else job.began_ns, hooks, orders, send)
        more = job.more
    return 0


def _complete(job: Job, began_ns: int, hooks: Hooks, orders: Orders, send: Send) -> None:
    """Run a job, and report its failure or the energy of its fit."""
    meter = Meter()
    clock = Clock(began_ns, part="import", meter=meter)
    try:
        repeat_fit = _run(job, clock, meter, hooks, orders, send)
    except BaseException as error:  # a row may raise SystemExit or KeyboardInterrupt, too
        send("failed", **_failure(error, job))
        if not isinstance(error, MemoryError):
            with contextlib.suppress(Exception):  # a row may have closed standard error
                traceback.print_exc()
    else:
        if repeat_fit is not None:
            send("phase", name="energy")
            gc.collect()  # of the fitted model, so that there is room for another
            energy = account(repeat_fit, lambda: nvml_meter(index_of(job.device)))
            send("energy", **energy, ended_ns=time.perf_counter_ns())


def _run(
    job: Job, clock: Clock, meter: Meter, hooks: Hooks, orders: Orders, send: Send
) -> Fit | None:
    """The cell, to its result. Returns a function that repeats the fit, where its energy is to be
    measured: on a device that may have a counter, of a fit that came to its end."""
    send("phase", name="import")
    implementation = load_class(job.class_path)
    send("phase", name="construction")
    device = device_of(job.device)
    numerics.settle()
    hyperparameters = restored(implementation, job.hyperparameters)

    def new_model() -> Any:
        return implementation(**hyperparameters, device=job.device, seed=job.seed)

    model = new_model()

    clock.enter("overhead")
    sample = read_sample(job)

    send("phase", name="warm-up")
    clock.enter("warmup")
    device.open()
    clock.synchronise = device.synchronise  # from here on: before there is no context
    _warm_up(new_model(), sample, send)

    clock.enter("overhead")
    if helpers := descendants():  # what a library started in the warm-up is part of the row
        clock.cpu_timer = lambda: cpu_ns_with(helpers)
    numerics.settle()  # again, for a row that imports torch when it fits
    thread_pools = _pinned_threads(job.threads)
    hooks.reset()
    # Collected before there are ratings, and not again until `fit` has ended: a collection runs
    # code of the row. What is there by now need not be searched then.
    gc.collect()
    gc.disable()
    gc.freeze()

    send("phase", name="data")
    orders.get()
    train, validation = read_train(job), read_validation(job)
    referee = ClockedReferee(
        model=model,
        validation=validation,
        clock=clock,
        cold_start=ColdStart(train),
        scale=job.scale,
        rules=job.rules,
        hooks=hooks,
        before_evaluation=lambda: send("evaluating"),
        on_evaluation=lambda *evaluated: _send_evaluation(
            send, clock, *evaluated, budget=referee.has_budgets
        ),
        is_enough=lambda: orders.is_enough(job),
        blocks=job.blocks,
    )

    send("phase", name="fit")
    host_base_bytes = _host_base_bytes(train, validation, helpers)
    device.reset_peak()
    cpu_before_s = clock.cpu_seconds("overhead")
    clock.enter("fit")
    model.fit(train, Training(referee=only_its_verdicts(referee)))
    gc.collect()  # on the clock, as it may run code of the row
    clock.enter("overhead")
    settings = numerics.in_force()
    _pinned_threads(job.threads)  # again, for `fit` may have started more
    referee.finish()
    if job.core is not None and os.sched_getaffinity(0) != {job.core}:
        referee.fault = referee.fault or "left the core that --pin keeps it on"
    off_clock_cpu_s = clock.cpu_seconds("overhead", "evaluation") - cpu_before_s
    if referee.fault is not None:
        send("failed", reason=referee.fault)
        return None

    send("phase", name="predict")
    pairs = json.loads(orders.get())
    users, items = (read_column(pairs, "test", name) for name in ("users", "items"))
    clock.enter("predict")
    # Checked on the clock: an array may have code of the row's.
    predicted = check_predictions(model.predict(users, items), len(users))
    clock.enter("overhead")
    if fault := inconsistency(model, users, items, predicted, job.scale):
        send("failed", reason=fault)
        return None
    write_predictions(predicted, Path(pairs))
    send(
        "result",
        epochs=referee.epochs_of_fit,
        epochs_ran=referee.epochs_ran,
        best_epoch=referee.best_epoch,
        checkpoints=referee.n_evaluations,
        epoch_s=referee.epoch_s,
        val_rmse=referee.val_rmse,
        val_blocks=referee.val_blocks,
        timed_out=referee.timed_out,
        diverged_at=referee.diverged_at,
        thread_pools=thread_pools,
        numerics=settings,
        memory={
            "host_peak_bytes": _resident_bytes("VmHWM", helpers),
            "host_base_bytes": host_base_bytes,
            "device_peak_bytes": device.peak_bytes(),
        },
        parts=_closed(clock),
        predictions=digest_of(predicted),
        copy_s=referee.copy_s,
        off_clock_cpu_s=off_clock_cpu_s,
        cpu_s=clock.cpu_seconds(),
        disturbance=meter.total() | {"cpu_s": clock.cpu_seconds(TRAINING)},
        ended_ns=clock.now_ns,
    )
    if job.device == "cpu" or job.more or referee.timed_out or referee.diverged_at is not None:
        return None
    epochs = Training(referee=EpochLimit(referee.epochs_of_fit))

    def repeat_fit() -> None:
        """The same work from the same seed, without evaluations. It holds no fitted model."""
        new_model().fit(train, epochs)
        device.synchronise()

    return repeat_fit


def _warm_up(model: Implementation, sample: Ratings, send: Send) -> None:
    """First fit on 1,000 ratings, one epoch: JIT, device context, allocator, thread pools. The
    others are nowhere in this process yet."""
    model.fit(sample, Training(referee=EpochLimit(1)))
    send("phase", name="predict of the warm-up")
    model.predict(sample.users, sample.items)


class Orders:
    """Lines of the control pipe; where it closes, the harness has ended, and so does this group."""

    def __init__(self, control_fd: int, send: Send) -> None:
        os.set_inheritable(control_fd, False)
        self._lines: queue.Queue[str] = queue.Queue()
        self._enough = ""
        pipe = os.fstat(control_fd)

        def listen() -> None:
            try:
                with os.fdopen(control_fd, encoding="utf-8") as control:
                    for line in control:
                        if line.startswith(ENOUGH):
                            self._enough = line.strip()
                        else:
                            self._lines.put(line)
                    ours = os.path.samestat(pipe, os.fstat(control_fd))
            except OSError:
                ours = False
            if not ours:
                send(
                    "failed",
                    reason="closed or redirected the pipe that brings the harness's orders",
                )
            os.killpg(os.getpgrp(), signal.SIGKILL)

        threading.Thread(target=listen, daemon=True).start()

    def get(self) -> str:
        """The next line, once it is there."""
        return self._lines.get()

    def is_enough(self, job: Job) -> bool:
        """Whether the harness has ordered the end of this job's training. An order that comes
        after that has ended counts for no later job."""
        return self._enough == f"{ENOUGH} {job.began_ns}"


def _sender(events_fd: int, secret: list[str]) -> Send:
    """Reports an event, after the secret by which the harness knows it from what a row writes."""
    os.set_inheritable(events_fd, False)
    encode = json.JSONEncoder(ensure_ascii=False).encode  # held here: a row may change `json`

    def send(event: str, **fields: Any) -> None:
        # Half a character, as of a file name that is not UTF-8, becomes a question mark.
        line = "".join(secret) + encode({"event": event, **fields}) + "\n"
        data = line.encode(errors="replace")
        try:
            while data:
                data = data[os.write(events_fd, data) :]
        except OSError:
            os._exit(LOST_PIPE)

    return send


def _send_evaluation(
    send: Send, clock: Clock, evaluation: Evaluation, planned: int, *, budget: bool
) -> None:
    clock.enter(clock.part)  # book the evaluation so far
    finite = math.isfinite(evaluation.rmse)
    send(
        "checkpoint",
        epoch=evaluation.epoch,
        seconds=evaluation.seconds,
        rmse=evaluation.rmse if finite else None,
        mae=evaluation.mae if finite else None,
        planned=planned,
        evaluation_s=clock.seconds("evaluation"),
        budget=budget,
    )


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


def _host_base_bytes(
    train: Ratings, validation: HeldOut, helpers: Iterable[psutil.Process]
) -> int | None:
    """What is resident now besides the ratings."""
    resident = _resident_bytes("VmRSS", helpers)
    columns = [getattr(part, name) for part in (train, validation) for name in DTYPES]
    return None if resident is None else resident - sum(column.nbytes for column in columns)


def _resident_bytes(which: str, helpers: Iterable[psutil.Process]) -> int | None:
    """Resident memory of this program and its helpers in bytes, `VmRSS` now or `VmHWM`, the sum of
    their peaks; None where Linux's /proc is missing. A helper that has ended counts for nothing.

    getrusage would also count the parent's memory from before this program was started.
    """
    own = _resident_kb(which, "self")
    if own is None:
        return None
    return 1024 * (own + sum(_resident_kb(which, str(each.pid)) or 0 for each in helpers))


def _resident_kb(which: str, process: str) -> int | None:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = (line for line in status.splitlines() if line.startswith(which))
    return next((int(line.split()[1]) for line in found), None)  # a zombie has no such line


def _failure(error: BaseException, job: Job) -> dict[str, Any]:
    """Status and reason, as `reason_of` has it."""
    if isinstance(error, StorageError):
        return {"status": "failed", "reason": str(error), "storage": True}
    reason = reason_of(error, job.class_path)
    if is_full(error):
        # torch's message goes on with advice; how full the device is says more.
        reason = f"{reason.partition(' GPU ')[0]} {device_of(job.device).describe()}"
    out_of_memory = isinstance(error, MemoryError) or is_full(error)
    return {"status": "out of memory" if out_of_memory else "failed", "reason": reason}


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
