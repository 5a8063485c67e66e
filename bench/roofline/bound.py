"""The updates per second of a record, and the bound that its machine sets."""

from __future__ import annotations

import numpy as np

from bench.records import Record, Roof
from bench.roofline.work import WORK, Shape, Work


def updates_per_s(record: Record) -> float | None:
    """Training ratings of an epoch over its seconds; None for a model without epochs."""
    if not (record.metrics and record.metrics.n_train and record.times and record.times.epoch_s):
        return None
    return record.metrics.n_train / record.times.epoch_s


def work_of(record: Record) -> Work | None:
    """The least work of an update; None where the implementation has no model of it, or the
    record lacks what the model needs."""
    cell, data = record.cell, record.data
    if cell.implementation not in WORK or not (record.metrics and record.metrics.n_train):
        return None
    shape = Shape(data.n_users, data.n_items, record.metrics.n_train, cell.threads)
    try:
        work = WORK[cell.implementation](cell.hyperparameters, shape)
        return work if min(map(float, (work.span, work.moved, work.flops))) > 0 else None
    except (
        KeyError,
        TypeError,
        ArithmeticError,
    ):  # fields of an older source, or of an edited record
        return None


def bound_per_s(record: Record) -> float | None:
    """The roofline bound: the updates per second that memory or arithmetic allows on the CPU,
    whichever is fewer."""
    work = work_of(record)
    roof = next((r for r in record.environment.roofs if r.threads == record.cell.threads), None)
    if work is None or roof is None or record.cell.device != "cpu":
        return None
    return min(bandwidth(roof, work.span) / work.moved, roof.flops_per_s / work.flops)


def bandwidth(roof: Roof, span: float) -> float:
    """Bytes per second in rows from all over `span` bytes: between two measured sizes on a
    straight line over the logarithm of the size, beyond the ends as at the end."""
    sizes = sorted(roof.bandwidth)
    return float(np.interp(np.log(span), np.log(sizes), [roof.bandwidth[s] for s in sizes]))
