"""Files that a run names by their paths, on machines that do not have them: by their contents."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from bench.running.cluster.payload import File
from datasets import cache
from datasets.catalog import CATALOG

PIECE = 1 << 22
"""Bytes that are sent at once: Dask warns of more than 10 MB in a task."""


def described(path: str) -> File | None:
    """Of a file of the client; None for a name of the catalog, which each machine finds itself, and
    for what is no file."""
    place = Path(path).expanduser()
    if not path or path in CATALOG or not place.is_file():
        return None
    with place.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return File(name=place.name, digest=digest, size=place.stat().st_size)


def pieces(path: str) -> Iterator[bytes]:
    """The contents of a file of the client, in the order in which `put` takes them."""
    with Path(path).expanduser().open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def found(path: str, file: File) -> Path | None:
    """Where this machine has the contents: at the same path, as on a shared disk, or as a copy;
    None for nowhere."""
    for place in (Path(path).expanduser(), _place(file)):
        try:
            if place.is_absolute() and place.stat().st_size == file.size and _holds(place, file):
                return place
        except OSError:
            continue
    return None


def put(file: File, offset: int, piece: bytes) -> None:
    """Add a piece to the copy, which is there at once when its last piece is. Raises OSError, and
    ValueError where the contents are not those that were announced."""
    place = _place(file)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{os.getpid()}-{file.digest[:16]}")  # its name may be of full length
    with part.open("r+b" if offset else "wb") as opened:
        opened.seek(offset)
        opened.write(piece)
    if offset + len(piece) < file.size:
        return
    if not _holds(part, file):
        part.unlink()
        raise ValueError(f"{file.name} changed while it was sent")
    part.replace(place)


def folder() -> Path:
    """Where the copies are."""
    return cache.folder() / "sent"


def _place(file: File) -> Path:
    """Apart from any other contents, and under its own name, by which it is read."""
    return folder() / file.digest[:16] / Path(file.name).name


def _holds(place: Path, file: File) -> bool:
    with place.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.digest
