"""From records to tables: which records count, which stand together, in which order.

No failure is left out, and no record of older source counts. Functions over records take them
oldest first and keep that order.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TypeVar

from bench.records import UNRUN, Record, digest
from bench.report.files import page_name
from bench.report.formats import title
from bench.report.rows import Row, Runs, Table, device_kind
from datasets.splits import PEEK
from impls.registry import IMPLEMENTATIONS

REGISTERED = list(IMPLEMENTATIONS)

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
Decided = tuple[str, str]


def tables(records: Iterable[Record], among: Sequence[Record] = ()) -> list[Table]:
    """One table for each dataset, machine and split, in the order of their names. Of a split that
    reads the test part there is none: its rows are the `peeks` of the split itself.

    Two files are one dataset where all is equal that decides the split: the ratings, and for a
    split in time or a given one the times or the test part.

    Its rows are in the order of the registry (baselines first), then by name; the default preset
    leads.

    among  all records of the store, where `records` are some of them: so that a dataset is called
           what it is called on the pages
    """
    ordered = sorted(records, key=lambda record: record.counts_from)
    every = sorted(among, key=lambda record: record.counts_from) or ordered
    names = dataset_names(every)
    titles = dataset_titles({name: names[name][0] for name in names})
    groups = grouped(
        ordered, lambda record: (decided_by(record), record.environment.machine, record.cell.split)
    )
    found = [
        Table(
            names[data][0],
            split,
            machine,
            _rows(group),
            titles[data],
            tuple(sorted(names[data][1:])),
            _rows(groups.get((data, machine, PEEK + split), [])),
        )
        for (data, machine, split), group in groups.items()
        if not split.startswith(PEEK)
    ]
    return sorted(found, key=lambda t: (t.dataset, t.newest.data.fingerprint, t.machine, t.split))


def _rows(group: Sequence[Record]) -> tuple[Row, ...]:
    return tuple(labelled([row_of(some, newest_per_seed) for some in by_row(group)]))


def machines(tables: Iterable[Table]) -> list[str]:
    """Machines of these tables, the one with the newest record first; last those that were lost in
    all they ran."""

    def place(table: Table) -> tuple[bool, str, str]:
        newest = table.newest
        return newest.status != "lost", newest.started_at, table.machine

    return list(dict.fromkeys(each.machine for each in sorted(tables, key=place, reverse=True)))


def by_row(records: Sequence[Record]) -> list[list[Record]]:
    """The records of each row, less those of older source; oldest first."""
    by_preset = grouped(records, lambda r: (r.cell.implementation, r.cell.preset))
    counting = [record for group in by_preset.values() for record in of_newest_source(group)]
    return list(grouped(counting, _settings).values())


def _settings(record: Record) -> tuple[str, str, str, int, bool]:
    cell = record.cell
    hyperparameters = json.dumps(cell.hyperparameters, sort_keys=True)
    return cell.implementation, cell.preset, hyperparameters, cell.threads, cell.pinned


def row_of(group: list[Record], counting: Callable[[list[Record]], tuple[Record, ...]]) -> Row:
    """An unlabelled row of the group's records, on each kind of device those that count."""
    cell = group[-1].cell
    by_kind = grouped(group, lambda record: device_kind(record.cell.device))
    runs = {kind: Runs(counting(by_kind[kind])) for kind in sorted(by_kind)}
    of_cell = (cell.implementation, cell.preset, cell.hyperparameters, cell.threads, cell.model)
    return Row(*of_cell, runs, pinned=cell.pinned)


def _place(row: Row) -> tuple[object, ...]:
    known = row.implementation in REGISTERED
    return (
        REGISTERED.index(row.implementation) if known else len(REGISTERED),
        row.implementation,
        row.preset != "default",
        row.preset,
        row.threads,
        row.pinned,
        json.dumps(row.hyperparameters, sort_keys=True),
    )


def labelled(unlabelled: Sequence[Row]) -> list[Row]:
    """Rows in order, with a label each: the name, and where several have it what differs."""
    return [
        replace(row, label=" ".join([row.name, *_apart(row, namesakes)]))
        for row in sorted(unlabelled, key=_place)
        for namesakes in [[other for other in unlabelled if other.name == row.name]]
    ]


def _apart(row: Row, namesakes: Sequence[Row]) -> list[str]:
    """`field=value` for each setting in which the namesakes differ."""
    settings = [other.settings for other in namesakes]
    mine = row.settings
    return [
        f"{name}={mine.get(name)}"
        for name in sorted({name for other in settings for name in other})
        if len({json.dumps(other.get(name)) for other in settings}) > 1
    ]


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Records, or what is built from them, by `key`; keys in order of first appearance."""
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def of_newest_source(preset: Sequence[Record]) -> list[Record]:
    """The records of one preset, less those of older source: its defaults may have changed.

    What was skipped or lost outdates nothing; and a skip for want of a package knows no source at
    all, so it counts only where the preset never ran.
    """
    ran = [record for record in preset if record.status not in UNRUN]
    last = (ran or preset)[-1]
    newest = last.source.implementation_hash
    return [
        record
        for record in preset
        if (source := record.source.implementation_hash) == newest
        or (source and record.status in UNRUN and record.counts_from > last.counts_from)
    ]


def newest_per_seed(runs: Iterable[Record]) -> tuple[Record, ...]:
    """The last record of each seed, and of each time that the seed ran again after it, be it good
    or bad; but what was skipped or lost hides no run."""
    by_seed = grouped(runs, lambda record: (record.cell.seed, record.cell.again))
    chosen = []
    for seed in sorted(by_seed):
        ran = [record for record in by_seed[seed] if record.status not in UNRUN]
        chosen.append((ran or by_seed[seed])[-1])
    first = {
        each.cell.seed: each.counts_from
        for each in chosen
        if not each.cell.again and each.status not in UNRUN
    }
    return tuple(r for r in chosen if r.counts_from >= first.get(r.cell.seed, ""))


def decided_by(record: Record) -> Decided:
    """Fingerprint of the ratings, and digest of what else of its files decides its split: the
    times of one in time, the test part of a given one. "" for a split at random."""
    return record.data.fingerprint, record.data.split_digest


def dataset_names(records: Sequence[Record]) -> dict[Decided, list[str]]:
    """The names of each dataset in the records, first the one that it is called by.

    That is the first one recorded with its ratings; a catalog's name goes before a file's. Two
    files with the same ratings are one dataset for a split that no more than these decide.
    """
    of_ratings: dict[str, dict[str, None]] = defaultdict(dict)
    of_data: dict[Decided, set[str]] = defaultdict(set)
    for record in records:
        name = record.cell.dataset
        of_ratings[record.data.fingerprint].setdefault(name)
        of_data[decided_by(record)].add(name)
    in_order = {each: sorted(names, key=_is_file) for each, names in of_ratings.items()}
    return {
        data: [name for name in in_order[data[0]] if name in names]
        for data, names in of_data.items()
    }


def dataset_titles(names: Mapping[Decided, str]) -> dict[Decided, str]:
    """What each dataset is called: the last part of its name, with as many folders before it as
    tell it from the others, so that no two share a page; `names`: the first of each.

    Of one file whose ratings changed, the fingerprint is what tells them apart. Where its times
    or its test part changed alone, it stays one title, and the headings on its page differ.
    """
    parts = {
        (data[0], os.path.normpath(name)): PurePath(os.path.normpath(name)).parts or (name,)
        for data, name in names.items()
    }
    titles = {each: title(each[1]) for each in parts}
    for depth in range(2, 1 + max(map(len, parts.values()), default=0)):
        for group in _on_one_page(titles):
            if len({parts[each] for each in group}) > 1:
                titles |= {each: str(PurePath(*parts[each][-depth:])) for each in group}
    for group in _on_one_page(titles):
        of_ratings = grouped(group, lambda each: each[0])
        for each in group:
            # Files with the same ratings are distinguished by their names: A.csv and a.csv.
            tag = each[0] if len(of_ratings[each[0]]) == 1 else digest(*each)
            titles[each] += f" ({tag[:8]})"
    return {data: titles[data[0], os.path.normpath(name)] for data, name in names.items()}


def _on_one_page(titles: Mapping[Decided, str]) -> list[list[Decided]]:
    """Keys of the titles that would lead to one page, where several would."""
    pages = grouped(titles, lambda each: page_name(titles[each]))
    return [group for group in pages.values() if len(group) > 1]


def _is_file(dataset: str) -> bool:
    return "/" in dataset or "." in dataset
