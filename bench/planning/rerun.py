"""Why a cell that has a record runs again."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bench.planning.plan import Cell
from bench.records import SCHEMA, WELL, Environment, Record, Status

Key = tuple[str, str, str, str, str, int, int, str]


def why_again(
    cell: Cell,
    machine: Environment,
    records: Collection[Record],
    settled: Collection[Status] = WELL,
) -> str:
    """What changed since the newest record of the same row, dataset, split, seed, device, threads
    and machine; "" where there is none, so that the cell is new."""
    environment = cell.environment(machine)
    key = _key(Record.model_construct(cell=cell.asked, environment=environment))
    before = [record for record in records if _key(record) == key and record.status != "skipped"]
    # Cells of one row may differ in hyperparameters alone: the nearest record explains most.
    before.sort(key=lambda r: (r.cell.hyperparameters == cell.asked.hyperparameters, r.started_at))
    if not before:
        return ""
    record = before[-1]
    changes = list(_changes(cell, environment, record))
    if not changes and record.status not in settled:
        changes = [f"its record ended as {record.status}"]
    commit = f", commit {record.source.git_sha[:7]}" if record.source.git_sha else ""
    return f"{'; '.join(changes)} (recorded {record.started_at[:10]}{commit})" if changes else ""


def _key(record: Record) -> Key:
    cell = record.cell
    row = (cell.implementation, cell.preset, cell.dataset, cell.split, cell.device)
    return (*row, cell.seed, cell.threads, record.environment.machine)


def _changes(cell: Cell, environment: Environment, record: Record) -> Iterator[str]:
    if record.source.implementation_hash != cell.implementation_hash:
        older = record.schema_ != SCHEMA
        yield "its record is of schema 1: bench migrate" if older else "its source changed"
    now, then = cell.asked.hyperparameters, record.cell.hyperparameters
    for name in sorted(now.keys() | then.keys()):
        if now.get(name) != then.get(name):
            yield f"{name} was {then.get(name)} and is {now.get(name)}"
    if record.data.fingerprint != cell.facts.data.fingerprint:
        yield "its ratings changed"
    if record.data.note != cell.facts.data.note:
        yield "other data stood in for its ratings"
    for rule in ("patience", "until_rmse"):
        if record.cell.rules.get(rule) != (value := cell.asked.rules.get(rule)):
            yield f"{rule} was {record.cell.rules.get(rule)} and is {value}"
    versions_now = {"Python": environment.python, **environment.versions}
    versions_then = {"Python": record.environment.python, **record.environment.versions}
    for package in sorted(versions_now.keys() | versions_then.keys()):
        one, other = versions_then.get(package), versions_now.get(package)
        if one != other:
            yield f"{package} {one or 'absent'} -> {other or 'absent'}"
