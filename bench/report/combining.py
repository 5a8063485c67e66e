"""Records of people who ran apart, beside those of a store.

What several files have alike is one record. Two runs of one cell are what `bench run --fresh`
makes, too: both stay, and the tables show the newer one. One run with two sets of figures is an
error, for one of the files was changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from bench.records import UNRUN, Record
from bench.report.formats import significant
from bench.store import BadLine, RecordStore

Run = tuple[str, ...]


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
        for path, file in files.items():
            for record in file.records:
                run = _run(record)
                place, first = found.get(run, (path, record))
                if place == path:  # stored once more where a published number is new
                    found[run] = path, record
                elif change := _first_change(first, record):
                    raise ValueError(
                        f"{path} and {place} both have the run of {_cell(record)} that began "
                        f"{record.started_at}, with {change}: one of them was changed; take it out"
                    )
        bad = [line for file in files.values() for line in file.bad]
        return [record for _, record in found.values()], bad

    def disagreements(self) -> list[str]:
        """A line for each cell of one machine that ran once for one file, and once for another."""
        by_cell: dict[str, dict[Path, dict[Run, Record]]] = defaultdict(lambda: defaultdict(dict))
        for path in self._paths():
            for record in self._read(path).records:
                if record.status not in UNRUN:
                    by_cell[record.identity][path][record.run] = record
        return [line for by_file in by_cell.values() for line in _disagreements(by_file)]

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


def _run(record: Record) -> Run:
    """Equal for copies of one record."""
    return (*record.run, record.reused_at, record.cell.implementation, record.cell.dataset)


def _disagreements(by_file: Mapping[Path, Mapping[Run, Record]]) -> Iterator[str]:
    """Of two files each of which has a run that the other one lacks. A file that lacks none of the
    other's is a later copy of it."""
    for (one, runs), (other, others) in combinations(by_file.items(), 2):
        mine = [record for run, record in runs.items() if run not in others]
        theirs = [record for run, record in others.items() if run not in runs]
        if mine and theirs:
            first, second = (max(each, key=lambda r: r.counts_from) for each in (mine, theirs))
            newer = one if first.counts_from > second.counts_from else other
            yield (
                f"{_cell(first)} ran twice on {first.environment.machine}: {_figures(first)} in "
                f"{one}, {_figures(second)} in {other}; the tables show the newer run, of {newer}"
            )


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
    later run of the same row may have stored anew."""
    if one == (other := other.model_copy(update={"reference": one.reference})):
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
