"""A ratings file as bytes: plain, gzipped, or a member of a zip archive."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from datasets.errors import DataError

RATINGS_FILES = ("u.data", "ratings.dat", "ratings.csv")
"""GroupLens' names of the file of ratings."""


@dataclass(frozen=True)
class Source:
    """One ratings file; `member` is its name inside a zip archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes. Raises DataError where the container proves damaged while read."""
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield stream
            elif self.path.suffix == ".gz":
                with gzip.open(self.path) as stream:
                    yield stream  # type: ignore[misc]
            else:
                with self.path.open("rb") as stream:
                    yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise DataError(
                f"the archive is truncated or damaged ({error})",
                "Delete it and fetch it again",
                where=self.path,
            ) from error
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise DataError(problem, "Check the file's permissions", where=self.path) from error


def file_source(path: Path) -> Source:
    """The ratings file at `path`; of a zip archive its only file, or its GroupLens ratings.

    Raises DataError for a missing file, a folder, and a zip archive that is damaged, has members
    outside its folder, or has several files that may be the ratings.
    """
    if path.is_dir():
        raise DataError("is a folder", "Name the ratings file in it", where=path)
    if not path.exists():
        raise DataError("there is no such file", "Check the path", where=path)
    if path.suffix != ".zip":
        return Source(path)
    members = archive_members(path)
    named = [member for member in members if PurePosixPath(member).name in RATINGS_FILES]
    chosen = named if len(named) == 1 else members
    if len(chosen) != 1:
        raise DataError(
            f"holds {len(members)} files, and which one has the ratings is not known",
            "Unpack it and name the file",
            where=path,
        )
    return Source(path, chosen[0])


def archive_members(path: Path) -> list[str]:
    """The files in a zip archive. Raises DataError when it is damaged or unsafe."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except zipfile.BadZipFile as error:
        raise DataError(
            "the archive is truncated or not a zip file", "Delete it and fetch it again", where=path
        ) from error
    for member in members:
        parts = PurePosixPath(member.replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in parts[0]:
            raise DataError(
                f"its member {member!r} is outside the archive's folder",
                "Do not use this archive; fetch it from its publisher",
                where=path,
            )
    return members
