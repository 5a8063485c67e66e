"""A ratings file as bytes: plain, compressed, or a member of a zip archive."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from datasets.errors import DataError, shown

RATINGS_FILES = ("u.data", "ratings.dat", "ratings.csv")
"""GroupLens' names of the file of ratings."""

MOST_TIMES = 40
"""How many times its packed size a file may be, once it is larger than `FREE_BYTES`: text of
ratings is 3 to 20 times its packed size, and an archive made to fill a disk 1,000 times or more."""
FREE_BYTES = 100 << 20
MOST_BYTES = 64 << 30
"""What a file may unpack to at all: more than 2,000,000,000 ratings."""

TABLES = (b"PAR1", b"ARROW1", b"FEA1")
"""First bytes of parquet and of both versions of feather."""

_CSV = "Save the table as CSV"
FOREIGN = {
    b"\xd0\xcf\x11\xe0": ("a spreadsheet or another Office document", _CSV),
    b"SQLite format 3": ("a SQLite database", "Write the table to CSV: sqlite3 -csv -header"),
    b"\x89HDF": ("an HDF5 file", "Write the table to CSV: pandas.read_hdf(…).to_csv(…)"),
    b"\x93NUMPY": ("a NumPy array", "Use datasets.from_arrays in Python"),
    **dict.fromkeys(
        (b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        ("a pickle", "Write the table to CSV: pandas.read_pickle(…).to_csv(…)"),
    ),
    b"7z\xbc\xaf": ("a 7z archive", "Unpack it and name the file"),
    b"Rar!": ("a RAR archive", "Unpack it and name the file"),
    b"%PDF": ("a PDF", _CSV),
}
"""First bytes of what is not read -> what it is, and what to do."""

OF_A_SYSTEM = ("Thumbs.db", "desktop.ini", "Icon\r")
"""Files that Windows and macOS put into folders."""

DAMAGE = (
    *(EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, struct.error),
    *(UnicodeDecodeError, RuntimeError, NotImplementedError),  # of a zip's names, locks and methods
)
"""What a damaged container raises beside OSError."""


@dataclass(frozen=True)
class Source:
    """One ratings file; `member` is its name inside a zip archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes. How the file is packed is found by its first bytes, whatever its
        name.

        Raises DataError where the container proves damaged or implausibly large while it is
        read, and for a file that cannot be read.
        """
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield _bounded(stream, archive.getinfo(self.member).compress_size, self)
            else:
                with self.path.open("rb") as file, _unpacked(file) as stream:
                    size = self.path.stat().st_size
                    yield stream if stream is file else _bounded(stream, size, self)
        except DAMAGE as error:
            raise DataError(
                f"the archive is truncated, damaged or locked ({error})",
                "Delete it and fetch it again, or unpack it yourself",
                where=self.path,
            ) from error
        except OSError as error:
            if error.strerror is None:  # of a decompressor: bz2 and zstd
                problem, remedy = f"the archive is damaged ({error})", "Fetch it again"
            else:
                problem = f"cannot be read ({error.strerror})"
                remedy = "Check the file and its permissions"
            raise DataError(problem, remedy, where=self.path) from error


def file_source(path: Path) -> Source:
    """The ratings file at `path`; of a zip archive its only file, or its GroupLens ratings.

    Raises DataError for a missing file, what is no file, a format that is not read, and a zip
    archive that is damaged, has members outside its folder, or has several files that may be
    the ratings.
    """
    if path.is_dir():
        raise DataError("is a folder", "Name the ratings file in it", where=path)
    if not path.exists():
        raise DataError("there is no such file", "Check the path", where=path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise DataError("is a pipe or device", "Write it to a file first", where=path)
    first = first_bytes(path)
    for start, (kind, remedy) in FOREIGN.items():
        if first.startswith(start):
            raise DataError(f"is {kind}, which is not read", remedy, where=path)
    if not first.startswith(b"PK\3\4"):
        return Source(path)
    members = archive_members(path)
    if "[Content_Types].xml" in members or "mimetype" in members:
        problem = "is a spreadsheet or another document, which is not read"
        raise DataError(problem, f"{_CSV} in UTF-8", where=path)
    named = [member for member in members if PurePosixPath(member).name in RATINGS_FILES]
    chosen = named if len(named) == 1 else members
    if len(chosen) != 1:
        raise DataError(
            f"holds {len(members)} files, and which one has the ratings is not known",
            "Unpack it and name the file",
            where=path,
        )
    return Source(path, chosen[0])


def first_bytes(path: Path) -> bytes:
    """As they are in the file. Raises DataError where it cannot be read."""
    with _named_errors(path), path.open("rb") as file:
        return file.read(16)


def archive_members(path: Path) -> list[str]:
    """The files in a zip archive, but what a system adds. Raises DataError when it is damaged or
    unsafe."""
    try:
        with _named_errors(path), zipfile.ZipFile(path) as archive:
            members = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except DAMAGE as error:
        raise DataError(
            "the archive is truncated or not a zip file", "Delete it and fetch it again", where=path
        ) from error
    for member in members:
        parts = PurePosixPath(member.replace("\\", "/")).parts
        if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0]:
            raise DataError(
                f"its member {shown(member)} is outside the archive's folder",
                "Do not use this archive; fetch it from its publisher",
                where=path,
            )
    return [member for member in members if not _of_a_system(member)]


def _of_a_system(member: str) -> bool:
    """Whether it is one of macOS' or Windows' own files, such as `__MACOSX/._ratings.csv`."""
    path = PurePosixPath(member)
    return "__MACOSX" in path.parts or path.name.startswith(".") or path.name in OF_A_SYSTEM


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise DataError(problem, "Check the file and its permissions", where=path) from error


@contextmanager
def _unpacked(file: IO[bytes]) -> Iterator[IO[bytes]]:
    first = file.read(8)
    file.seek(0)
    unpack = next((unpack for start, unpack in UNPACK.items() if first.startswith(start)), None)
    if unpack is None:
        yield file
        return
    with unpack(file) as stream:
        yield stream


def _zstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")


UNPACK: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x28\xb5\x2f\xfd": _zstd,
}
"""First bytes of a compressed file -> what unpacks it."""


def _bounded(stream: Any, packed_bytes: int, where: Source) -> IO[bytes]:
    return io.BufferedReader(_Bounded(stream, packed_bytes, where), 1 << 20)


class _Bounded(io.RawIOBase):
    """What is unpacked, until it is implausibly much."""

    def __init__(self, stream: IO[bytes], packed_bytes: int, where: Source) -> None:
        self._stream, self._where = stream, where
        self._left = min(max(FREE_BYTES, MOST_TIMES * packed_bytes), MOST_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise DataError(
                f"unpacks to more than {MOST_TIMES} times its size, or than "
                f"{MOST_BYTES >> 30} GB, as no ratings do",
                "Check where it comes from; if it is right, unpack it and name the file",
                where=self._where,
            )
        buffer[: len(data)] = data
        return len(data)
