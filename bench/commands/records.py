"""The folder of records, as the verbs open it."""

from __future__ import annotations

from pathlib import Path

from bench.commands import terminal
from bench.store import RecordStore


def open_store(store: RecordStore, out: Path) -> None:
    """Create the folder of records, and warn of lines in it that are not records."""
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--out {out}: records cannot be stored there: {error.strerror}"
        raise terminal.UsageError(message) from None
    warn_of_bad_lines(store)


def warn_of_bad_lines(store: RecordStore) -> None:
    for line in store.read()[1]:
        terminal.err.print(f"warning: {line}", style="yellow")
