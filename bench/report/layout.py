"""Markdown tables, and the numbered remarks under them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tabulate import tabulate

from bench.report.text import escaped


@dataclass
class Footnotes:
    """Remarks under a table, numbered as they come; equal remarks share a number."""

    remarks: list[str] = field(default_factory=list)

    def marks(self, remarks: Iterable[str]) -> str:
        """` [1] [2]` for the remarks, or nothing."""
        marks = ""
        for remark in remarks:
            if remark not in self.remarks:
                self.remarks.append(remark)
            marks += f" [{self.remarks.index(remark) + 1}]"
        return marks

    def lines(self) -> list[str]:
        return [f"- [{n}] {escaped(remark)}" for n, remark in enumerate(self.remarks, start=1)]


@dataclass(frozen=True)
class Column:
    header: str
    cells: Sequence[str]
    align: str = "right"


def markdown(columns: Sequence[Column]) -> str:
    """A GitHub table, its columns padded so that it reads as plain text."""
    return str(
        tabulate(
            list(zip(*(column.cells for column in columns), strict=True)),
            headers=[column.header for column in columns],
            tablefmt="pipe",
            disable_numparse=True,
            colalign=[column.align for column in columns],
        )
    )
