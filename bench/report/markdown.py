"""Columns as a Markdown table with footnotes, and any text as Markdown that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from bench.report.tables import Column, Item
from datasets.printable import printable


def markdown_table(columns: Sequence[Column[Item]], items: Sequence[Item]) -> str:
    """A GitHub table, padded so that it reads as plain text, with its footnotes below.

    Remarks are numbered column by column; equal remarks share a number.
    """
    footnotes: list[str] = []
    cells = [[_cell(column, item, footnotes) for item in items] for column in columns]
    text = tabulate(
        list(zip(*cells, strict=True)),
        headers=[escaped(column.header) for column in columns],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=[column.align for column in columns],
    )
    notes = [f"- [{n}] {escaped(remark)}" for n, remark in enumerate(footnotes, start=1)]
    return "\n\n".join([text, "\n".join(notes)] if notes else [text])


def _cell(column: Column[Item], item: Item, footnotes: list[str]) -> str:
    """The text, linked where the column links, and the numbers of its remarks: `0.92 [1, 2]`.
    `[1] [2]` would be a link in some dialects."""
    text = escaped(column.text(item))
    if column.link:
        text = f"[{text}]({column.link(item)})"
    numbers = []
    for remark in column.remarks(item):
        if remark not in footnotes:
            footnotes.append(remark)
        numbers.append(str(footnotes.index(remark) + 1))
    return f"{text} [{', '.join(numbers)}]" if numbers else text


def escaped(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown would take for markup, and no control
    characters.

    Underscores inside a word stay as they are, for GitHub leaves them alone.
    """
    text = printable(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\`*|~\[\]$])", r"\\\1", text)
    return re.sub(r"\b_|_\b|(?<!\w)_|_(?!\w)", lambda _: r"\_", text)


def document(parts: Iterable[str]) -> str:
    """The parts that are not empty, with a blank line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"
