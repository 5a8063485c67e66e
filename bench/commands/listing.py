"""What there is to run: the text of `bench list`."""

from __future__ import annotations

from importlib.metadata import entry_points

from tabulate import tabulate

from bench.planning import loading, suite
from bench.tune import study
from datasets import catalog
from impls.registry import IMPLEMENTATIONS


def listing() -> str:
    """Implementations, datasets, suites and studies, each as a plain table."""
    sections = {
        "implementations": (["name", "model", "devices", "presets", "source"], _implementations()),
        "datasets": (["name", "what", "where"], _datasets()),
        "suites": (
            ["name", "what"],
            [[name, suite.read(name).description] for name in suite.names()],
        ),
        "studies, for bench tune": (
            ["name", "what", "rows that share it"],
            [
                [name, each.description, ", ".join(each.implementations)]
                for name in study.names()
                for each in [study.read(name)]
            ],
        ),
    }
    return "\n\n".join(
        f"{title}\n\n{tabulate(rows, headers, tablefmt='simple')}"
        for title, (headers, rows) in sections.items()
    )


def _implementations() -> list[list[str]]:
    rows = []
    for name, target in IMPLEMENTATIONS.items():
        described = loading.describe(loading.load_class(target))
        rows.append(
            [
                name,
                described.model,
                ", ".join(described.devices),
                ", ".join(described.presets),
                described.source,
            ]
        )
    outside = [
        [point.name, "", "", "", f"from outside: {point.value}"]
        for point in entry_points(group=loading.ENTRY_POINT_GROUP)
    ]
    return [
        *rows,
        *outside,
        ["path/to/file.py:Class", "your own", "", "", "README, 'Add your own'"],
    ]


def _datasets() -> list[list[str]]:
    rows = [
        [name, entry.description, catalog.find(name) or "would be fetched or made"]
        for name, entry in catalog.CATALOG.items()
    ]
    return [*rows, ["path/to/file", "any CSV, TSV or :: file: user, item, rating[, timestamp]", ""]]
