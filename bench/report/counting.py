"""Which records count: nothing inconvenient vanishes, nothing outdated stays.

Every function takes records oldest first and keeps that order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from bench.records import Record

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Records, or what is made of them, by `key`; keys in order of first appearance."""
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def of_newest_source(preset: Sequence[Record]) -> list[Record]:
    """The records of one preset, less those of older source: its defaults may have changed.

    A skip ran no source, so it outdates nothing; and one for want of a package knows no
    source at all, so it counts only where the preset never ran.
    """
    ran = [record for record in preset if record.status != "skipped"]
    last = (ran or preset)[-1]
    newest = last.source.implementation_hash
    return [
        record
        for record in preset
        if (source := record.source.implementation_hash) == newest
        or (source and record.status == "skipped" and record.started_at > last.started_at)
    ]


def newest_per_seed(runs: Iterable[Record]) -> tuple[Record, ...]:
    """The last record of each seed, be it good or bad; but a skip hides no run."""
    by_seed = grouped(runs, lambda record: record.cell.seed)
    chosen = []
    for seed in sorted(by_seed):
        ran = [record for record in by_seed[seed] if record.status != "skipped"]
        chosen.append((ran or by_seed[seed])[-1])
    return tuple(chosen)


def dataset_names(records: Iterable[Record]) -> dict[str, str]:
    """Fingerprint -> its first name in the records; a catalog's name goes before a file's.

    Two files with the same ratings are one dataset, whatever they are called.
    """
    names: dict[str, str] = {}
    for record in records:
        name = names.setdefault(record.data.fingerprint, record.cell.dataset)
        if _is_file(name) and not _is_file(record.cell.dataset):
            names[record.data.fingerprint] = record.cell.dataset
    return names


def _is_file(dataset: str) -> bool:
    return "/" in dataset or "." in dataset
