"""Records without a run, with curves that look like training."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.records import (
    CellRecord,
    Data,
    Environment,
    Goal,
    Memory,
    Metrics,
    Point,
    Record,
    Source,
    Times,
)
from bench.report.grouping import tables
from bench.report.rows import Table
from bench.store import RecordStore

GOALS = (0.946, 0.937, 0.915, 0.900)
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def record(
    implementation: str = "numpy_sgd",
    *,
    seed: int = 0,
    again: int = 0,
    status: str = "ok",
    reason: str = "",
    device: str = "cpu",
    machine: str = "box-1",
    dataset: str = "ml-100k",
    split: str = "random:80/10/10",
    preset: str = "default",
    hyperparameters: dict[str, Any] | None = None,
    threads: int = 2,
    model: str = "biased MF",
    source: str = "source-a",
    minute: int = 0,
    rmse: float = 0.92,
    fit_s: float = 12.3,
    curve: list[Point] | None = None,
    goals: tuple[float, ...] = GOALS,
    gpu: str | None = None,
    log: str = "",
    **parts: Any,
) -> Record:
    """One record, `minute` minutes after the first; a row without figures unless ok or timeout."""
    ran = status in ("ok", "timeout")
    curve = training_curve(rmse, fit_s) if curve is None and ran else curve or []
    fields: dict[str, Any] = {
        "identity": f"{implementation}-{seed}-{device}-{minute}",
        "started_at": (START + timedelta(minutes=minute)).isoformat(),
        "status": status,
        "reason": reason,
        "cell": CellRecord(
            implementation=implementation,
            preset=preset,
            hyperparameters={"epochs": 30} if hyperparameters is None else hyperparameters,
            dataset=dataset,
            split=split,
            device=device,
            threads=threads,
            seed=seed,
            model=model,
            again=again,
        ),
        "metrics": metrics(rmse, curve) if ran else None,
        "times": times(fit_s) if ran else None,
        "goals": [Goal(rmse=goal, seconds=reached(curve, goal)) for goal in goals],
        "curve": curve,
        "memory": Memory(host_peak_bytes=180_000_000, device_peak_bytes=None) if ran else None,
        "data": data(),
        "source": Source(git_sha="abc", dirty=False, implementation_hash=source),
        "environment": environment(machine, gpu),
        "log": log,
    }
    return Record(**(fields | parts))


def metrics(rmse: float, curve: list[Point], **changes: Any) -> Metrics:
    best = min(curve, key=lambda point: point.rmse) if curve else None
    fields = {
        "rmse": rmse,
        "mae": rmse * 0.787,
        "rmse_raw": rmse + 0.002,
        "mae_raw": rmse * 0.787 + 0.002,
        "val_rmse": best.rmse if best else None,
        "n_test": 10_000,
        "n_cold_start": 31,
        "epochs": max((point.epoch for point in curve), default=0),
        "best_epoch": best.epoch if best else None,
    }
    return Metrics(**(fields | changes))


def times(fit_s: float) -> Times:
    return Times(
        import_s=0.2,
        warmup_s=0.05,
        fit_s=fit_s,
        epoch_s=fit_s / 30,
        predict_s=0.004,
        evaluation_s=0.1,
        overhead_s=0.05,
        first_model_s=fit_s + 0.25,
        wall_s=fit_s + 0.4,
    )


def training_curve(
    best: float, fit_s: float, epochs: int = 30, start: float = 1.3, pace: float = 0.25
) -> list[Point]:
    """Falls towards `best`, then overfits a little."""
    points = []
    for epoch in range(1, epochs + 1):
        rise = 0.012 * (epoch / epochs) ** 3
        rmse = best + (start - best) * math.exp(-pace * epoch) + rise
        seconds = fit_s * epoch / epochs
        points.append(Point(epoch=epoch, seconds=seconds, rmse=rmse, mae=rmse * 0.787))
    return points


def closed_form(rmse: float, seconds: float) -> list[Point]:
    return [Point(epoch=0, seconds=seconds, rmse=rmse, mae=rmse * 0.8)]


def epoch_budgets(name: str, best: float = 0.916, each_s: float = 0.2, **fields: Any) -> Record:
    """A row that cannot be interrupted: full fits of 2, 4 and 8 iterations."""
    points = [
        Point(epoch=n, seconds=each_s * n, rmse=best + 0.06 / n - 0.01, mae=0.7) for n in (2, 4, 8)
    ]
    return record(name, rmse=best, fit_s=each_s * 8, curve=points, epoch_budgets=True, **fields)


def reached(curve: list[Point], goal: float) -> float | None:
    return next((point.seconds for point in curve if point.rmse <= goal), None)


def data(**changes: Any) -> Data:
    fields: dict[str, Any] = {
        "fingerprint": "f1" * 8,
        "n_users": 943,
        "n_items": 1682,
        "n_ratings": 100_000,
        "scale": (1.0, 5.0),
    }
    return Data(**(fields | changes))


def environment(machine: str = "box-1", gpu: str | None = None, **changes: Any) -> Environment:
    fields: dict[str, Any] = {
        "machine": machine,
        "cpu": "AMD EPYC 7B13",
        "cores": 2,
        "memory_gb": 7.8,
        "gpu": gpu,
        "os": "Linux 6.1",
        "python": "3.11.9",
        "versions": {"numpy": "2.4.6", "torch": "2.13.0", "pandas": "3.1.1"},
        "load": 0.4,
    }
    return Environment(**(fields | changes))


def table_of(*records: Record) -> Table:
    """The one table of the records."""
    [table] = tables(records)
    return table


def store(out: Path, records: list[Record]) -> Path:
    """`out`, with the records appended to its store."""
    for each in records:
        RecordStore(out).append(each)
    return out


EIGHT: dict[str, dict[str, Any]] = {
    "global_mean": {"rmse": 1.1257, "fit_s": 0.0004, "model": "global mean"},
    "bias": {"rmse": 0.9431, "fit_s": 0.012, "model": "biases"},
    "numpy_sgd": {"rmse": 0.9184, "fit_s": 21.4},
    "autograd_mf": {"rmse": 0.9187, "fit_s": 310.0},
    "embedding_mf": {"rmse": 0.9172, "fit_s": 4.1},
    "sparse_embedding_mf": {"rmse": 0.9201, "fit_s": 6.3},
    "autorec": {"rmse": 0.9088, "fit_s": 9.7, "model": "autoencoder"},
    "ncf": {"rmse": 0.9275, "fit_s": 15.2, "model": "neural CF"},
}


def eight(seeds: int = 1, **common: Any) -> list[Record]:
    """The quick suite's rows; closed forms have the one point that they have."""
    every = []
    for seed in range(seeds):
        for place, (name, fields) in enumerate(EIGHT.items()):
            rmse, fit_s = fields["rmse"] + 0.0011 * seed, fields["fit_s"] * (1 + 0.03 * seed)
            closed = fields["fit_s"] < 0.1
            pace = 0.12 + 0.05 * place
            curve = closed_form(rmse, fit_s) if closed else training_curve(rmse, fit_s, pace=pace)
            settings = {**fields, "rmse": rmse, "fit_s": fit_s, "minute": place + 10 * seed}
            every.append(record(name, seed=seed, curve=curve, **settings, **common))
    return every


def cells(table: str) -> dict[str, dict[str, str]]:
    """A Markdown table as row label -> header -> cell."""
    lines = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    header, _, *body = lines
    return {row[0]: dict(zip(header, row, strict=True)) for row in body}


def minimal_record(identity: str = "a", status: str = "ok", reason: str = "") -> Record:
    """A record with an identity, and no figures."""
    return Record.model_validate(
        {
            "schema": 2,
            "identity": identity,
            "started_at": "2026-01-01T00:00:00+00:00",
            "status": status,
            "reason": reason,
            "cell": CellRecord(
                implementation="bias",
                preset="default",
                hyperparameters={},
                dataset="d",
                split="random:80/10/10",
                device="cpu",
                threads=1,
                seed=0,
            ),
            "data": Data(fingerprint="f", n_users=1, n_items=1, n_ratings=1, scale=(1, 5)),
            "source": Source(git_sha=None, dirty=None, implementation_hash="h"),
            "environment": Environment(
                machine="box-1",
                cpu="CPU",
                cores=1,
                memory_gb=1,
                gpu=None,
                os="Linux",
                python="3.11",
                versions={},
                load=0,
            ),
        }
    )
