"""`bench list`: what there is to run."""

from __future__ import annotations

from collections.abc import Iterator

from bench.commands import terminal
from bench.planning import loading, suite
from bench.tune import study
from datasets import catalog
from impls.registry import IMPLEMENTATIONS


def listing() -> None:
    """Print implementations, datasets, suites and studies, each as a table."""
    sections = {
        "implementations": (["name", "model", "devices", "presets", "source"], _implementations()),
        "datasets": (["name", "description", "where"], _datasets()),
        "suites": (
            ["name", "description"],
            [[name, suite.read(name).description] for name in suite.names()],
        ),
        "studies, for bench tune": (
            ["name", "description", "implementations that share it"],
            [
                [name, each.description, ", ".join(each.implementations)]
                for name in study.names()
                for each in [study.read(name)]
            ],
        ),
    }
    for title, (headers, rows) in sections.items():
        rows = list(rows)
        shown = terminal.columns_that_fit(rows, terminal.out.width)
        terminal.out.print(f"\n{title}\n", style="bold")
        table = terminal.table([row[:shown] for row in rows], headers[:shown])
        terminal.out.print(table, soft_wrap=False)
        if left_out := headers[shown:]:
            terminal.print_line(f"Left out at this width: {', '.join(left_out)}.")


def _implementations() -> Iterator[list[str]]:
    for name, class_path in IMPLEMENTATIONS.items():
        it = loading.describe(loading.load_class(class_path))
        yield [name, it.model, ", ".join(it.devices), ", ".join(it.presets), it.source]
    for name, points in loading.plugins().items():
        yield [name, "", "", "", loading.clash(name, points) or f"installed: {points[0].value}"]
    yield ["path/to/file.py:Class", "your own", "", "", "docs/adding-an-implementation.md"]


def _datasets() -> list[list[str]]:
    rows = [
        [name, entry.description, catalog.find(name) or "downloaded or generated on first use"]
        for name, entry in catalog.CATALOG.items()
    ]
    return [
        *rows,
        ["path/to/file", "your ratings; bench data FILE shows how they are read", ""],
    ]
