"""Records of people who ran apart, beside those of a store.

What several files have alike is one record. Two runs of one cell are what `bench run --fresh`
makes, too: both stay, and the tables show the newer one. One run with two sets of figures is an
error, for one of the files was changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.records import UNRUN, Record
from bench.report.formats import significant
from bench.store import BadLine, RecordStore

Run = tuple[str, ...]

STORED_ANEW = ("cell", "data", "reference", "goals", "reused_from", "reused_at")
"""Fields of a record that differ where it stands for the cell of another row or dataset, or became
the newest of its row again."""


class Combined(RecordStore):
    """A store and record files beside it, read as one.

    others  a file of records each, a folder of such files, or a folder of results

    Raises ValueError where one of these has no records.
    """

    def __init__(self, out: Path, others: Sequence[Path]) -> None:
        super().__init__(out)
        self._others = [file for each in others for file in self._files_with_records(each)]

    def read(self) -> tuple[list[Record], list[BadLine]]:
        """Every record once, in file and line order, and every line that is none. Raises ValueError
        where a run has other figures in another file."""
        files = {path: self._read(path) for path in self._paths()}
        found: dict[Run, tuple[Path, Record]] = {}
        by_run: dict[Run, tuple[Path, Record]] = {}  # whichever cell it stands for
        for path, file in files.items():
            for record in file.records:
                copy = found.setdefault(record.entry, (path, record))
                for place, first in (copy, by_run.setdefault(record.run, (path, record))):
                    if place != path and (change := _first_change(first, record)):
                        raise ValueError(
                            f"{path} and {place} both have the run of {_cell(record)} that began "
                            f"{record.started_at}, with {change}: one of them was changed; take it "
                            "out"
                        )
                if copy[0] == path:  # stored once more where a published number is new
                    found[record.entry] = path, record
        bad = [line for file in files.values() for line in file.bad]
        return [record for _, record in found.values()], bad

    def disagreements(self) -> list[str]:
        """A line for each cell of one machine that ran once for one file, and once for another."""
        by_cell: dict[str, dict[Path, dict[Run, Record]]] = defaultdict(lambda: defaultdict(dict))
        for path in self._paths():
            for record in self._read(path).records:
                if record.status not in UNRUN:
                    by_cell[record.identity][path][record.run] = record
        return [*filter(None, map(_disagreement, by_cell.values()))]

    def _files_with_records(self, place: Path) -> list[Path]:
        files = _files_of(place)
        found = [self._read(file) for file in files]
        if not any(each.records for each in found):
            bad = [line for each in found for line in each.bad]
            first = f"; {bad[0].path}{bad[0].place}: {bad[0].problem}" if bad else ""
            raise ValueError(f"--records {place}: no record is there{first}")
        return files

    def _paths(self) -> list[Path]:
        """Without a file that is named twice, as one of the store's own may be."""
        files = {path.resolve(): path for path in reversed([*super()._paths(), *self._others])}
        return list(reversed(files.values()))


def _files_of(place: Path) -> list[Path]:
    folder = place / "records" if (place / "records").is_dir() else place
    files = [place] if place.is_file() else sorted(filter(Path.is_file, folder.glob("*.jsonl")))
    if not files:
        raise ValueError(f"--records {place}: neither a file of records nor a folder with any")
    return files


def _disagreement(by_file: Mapping[Path, Mapping[Run, Record]]) -> str:
    """Of a cell; "" where none. Two files disagree where each has a run that the other one lacks: a
    file that lacks none of the other's is a later copy of it."""
    apart = [
        path
        for path, runs in by_file.items()
        if any(runs.keys() - others and others - runs.keys() for others in by_file.values())
    ]
    if not apart:
        return ""
    common = set[Run].intersection(*({*by_file[path]} for path in apart))
    found: dict[Run, tuple[Path, Record]] = {}
    for path in apart:
        last = _newest(record for run, record in by_file[path].items() if run not in common)
        found.setdefault(last.run, (path, last))
    shown = _newest(record for runs in by_file.values() for record in runs.values())
    place = next(path for path, runs in by_file.items() if shown.run in runs)
    found.setdefault(shown.run, (place, shown))
    ran = ", ".join(f"{_figures(record)} in {path}" for path, record in found.values())
    times = "twice" if len(found) == 2 else f"{len(found)} times"
    return (
        f"{_cell(shown)} ran {times} on {shown.environment.machine}: {ran}; the tables show the "
        f"newest run, of {found[shown.run][0]}"
    )


def _newest(records: Iterable[Record]) -> Record:
    """Of equal ones the last, as in the tables."""
    return sorted(records, key=lambda record: record.counts_from)[-1]


def _cell(record: Record) -> str:
    cell = record.cell
    return f"{cell.implementation} on {cell.dataset}, {cell.split}, seed {cell.seed}"


def _figures(record: Record) -> str:
    parts: list[str] = [record.status]
    if record.metrics:
        parts.append(f"RMSE {record.metrics.rmse:.4f}")
    if record.times:
        parts.append(f"fit {significant(record.times.fit_s)} s")
    return " ".join(parts)


def _first_change(one: Record, other: Record) -> str:
    """`metrics.rmse 0.92 and 0.91`; "" where nothing differs but the published number, which a
    later run of the same row may have stored anew, or of a record that was stored again what is
    stored anew then."""
    anew = ("reference",) if one.entry == other.entry else STORED_ANEW
    if one == (other := other.model_copy(update={name: getattr(one, name) for name in anew})):
        return ""
    return _change(one.model_dump(mode="json"), other.model_dump(mode="json"), "")


def _change(one: Any, other: Any, name: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        parts = (
            _change(one.get(key), other.get(key), f"{name}.{key}" if name else key)
            for key in (*one, *(key for key in other if key not in one))
        )
        return next(filter(None, parts), "")
    return "" if one == other else f"{name} {one} and {other}"
