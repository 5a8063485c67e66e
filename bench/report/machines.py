"""What a machine is, in a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.machine import LOCKED
from bench.records import Record
from bench.report.text import date

KEY_PACKAGES = ("numpy", "scipy", "numba", "torch")


def hardware(record: Record) -> str:
    """`AMD EPYC 7B13, 2 cores, 7.8 GB memory, no GPU`."""
    machine = record.environment
    cores = f"{machine.cores} core{'s' * (machine.cores != 1)}"
    return f"{machine.cpu}, {cores}, {machine.memory_gb:.3g} GB memory, {machine.gpu or 'no GPU'}"


def caption(records: Sequence[Record]) -> str:
    """Hardware, system, versions and dates of one machine's records, oldest first.

    Where records differ, each value is named: a table may hold rows of two versions.
    """
    parts = [
        " / ".join(_distinct(hardware(record) for record in records)),
        " / ".join(_distinct(record.environment.os for record in records)),
        "Python " + " / ".join(_distinct(record.environment.python for record in records)),
    ]
    named = {package for record in records for package in record.environment.versions}
    wrapped = sorted(named - set(LOCKED))  # by rows that are libraries
    for package in (*KEY_PACKAGES, *wrapped):
        versions = _distinct(record.environment.versions.get(package, "") for record in records)
        parts += [f"{package} {' / '.join(versions)}"] if versions else []
    loads = sorted(record.environment.load for record in records)
    load = "–".join(_distinct(f"{end:.1f}" for end in (loads[0], loads[-1])))
    return f"{', '.join(parts)}. Run {dates(records)}; load average before a cell {load}."


def dates(records: Sequence[Record]) -> str:
    """The day, or the first and the last day, of records oldest first."""
    return " to ".join(_distinct(date(r.started_at) for r in (records[0], records[-1])))


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
