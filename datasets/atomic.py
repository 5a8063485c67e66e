"""Files written whole or not at all: beside their place, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new path beside `path`, to write a file to; it takes the place of `path` at the end.

    Readers see the old file or the new one, and of two writers the later one stays. After an
    error nothing has changed. The folder is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name[:200]}.{os.getpid()}.new")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Give `path` this content in one step; a file that already has it is not touched."""
    path = path.resolve()
    if path.exists() and path.read_bytes() == content:
        return
    with replacing(path) as new:
        new.write_bytes(content)
        if path.exists():
            shutil.copymode(path, new)
