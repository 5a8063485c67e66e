"""The append-only store of records, read once and then from memory."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from bench import locks
from bench.records import OLDER_SCHEMAS, SCHEMA, Record, upgraded
from datasets.atomic import replace

CURRENT = f'{{"schema": {SCHEMA},'.encode()
"""How a line of the present schema begins, as `Record.to_line` writes it."""


LAST_BYTES = 4096
"""How much of what was read is compared, to notice that another file took its place."""


@dataclass(frozen=True)
class BadLine:
    """A line that is no record: torn by a crash, from another schema, or edited. `number` is 0
    where the whole file cannot be read."""

    path: Path
    number: int
    problem: str

    def __str__(self) -> str:
        what = "line" if self.number else "file"
        return f"{self.path}{self.place}: {self.problem} ({what} skipped)"

    @property
    def place(self) -> str:
        """`:7`, or nothing for the whole file."""
        return f":{self.number}" if self.number else ""


@dataclass
class _File:
    """What has been read of one file: its inode, how many bytes and lines, and the last bytes."""

    inode: int = -1
    last: bytes = b""
    bytes_read: int = 0
    lines_read: int = 0
    records: list[Record] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


class RecordStore:
    """The JSON lines under `<out>/records`, one file per machine.

    Records are only ever appended. An append is one write under a lock, flushed to the
    disk before it returns, so a crash loses at most the cell in progress and two runs
    into one folder never mix lines. What was read stays in memory: of a file that grew only
    the new lines are read.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / "records"
        self._files: dict[Path, _File] = {}

    def path_of(self, machine: str) -> Path:
        """The file of a machine's records."""
        return self.folder / f"{machine}.jsonl"

    def check(self, machine: str) -> None:
        """Raises OSError where a record of this machine could not be added, be it for the folder
        or for the file. That the disk has room is not known before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path_of(machine)
        with _locked(self.folder):
            new = not path.exists()
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666)
            regular = stat.S_ISREG(os.fstat(file).st_mode)
            os.close(file)
            if new:
                path.unlink()
        if not regular:
            raise OSError(errno.EINVAL, "not a regular file", str(path))

    def append(self, record: Record) -> Path:
        """Add one record; returns the file it went to.

        Raises OSError where that cannot be done; then nothing of the record stays in the file.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path_of(record.environment.machine)
        with _locked(self.folder):
            _append(path, record.to_line().encode() + b"\n")
        return path

    def read(self) -> tuple[list[Record], list[BadLine]]:
        """Every record in file and line order, and every line that is not one."""
        files = [self._read(path) for path in self._paths()]
        records = [record for each in files for record in each.records]
        return records, [line for each in files for line in each.bad]

    def rewrite(self, change: Callable[[str], tuple[str, str]]) -> Counter[str]:
        """Put `change` of each line in its place; counts the second word of its answers.

        A file is replaced at once and under the lock, and only where a line changed.
        """
        became: Counter[str] = Counter()
        for path in self._paths():
            with _locked(self.folder):
                lines = path.read_bytes().decode(errors="surrogateescape").split("\n")
                changed = [change(line) if line.strip() else (line, "") for line in lines]
                became.update(word for _, word in changed if word)
                if (new := [line for line, _ in changed]) != lines:
                    replace(path, "\n".join(new).encode(errors="surrogateescape"))
        return became

    def _paths(self) -> list[Path]:
        return sorted(filter(Path.is_file, self.folder.glob("*.jsonl")))

    def _read(self, path: Path) -> _File:
        try:
            return self._read_new(path)
        except OSError as error:  # of what was read before, nothing is lost
            known = self._files.get(path, _File())
            problem = BadLine(path, 0, f"cannot be read: {error.strerror or error}")
            return _File(records=known.records, bad=[*known.bad, problem])

    def _read_new(self, path: Path) -> _File:
        state, known = path.stat(), self._files.get(path)
        if known is None or known.inode != state.st_ino or not _begins_as(path, known):
            known = self._files[path] = _File(inode=state.st_ino)
        if state.st_size > known.bytes_read:
            with path.open("rb") as file:
                file.seek(known.bytes_read)
                new = file.read()
            # A line without its end may still be written to: it is read again the next time.
            whole = new[: new.rfind(b"\n") + 1]
            known.records, known.bad = list(known.records), list(known.bad)
            with collector_paused():
                _take(path, known, whole)
            known.bytes_read += len(whole)
            known.lines_read += whole.count(b"\n")
            known.last = (known.last + whole)[-LAST_BYTES:]
            if rest := new[len(whole) :]:
                with_rest = _File(bytes_read=known.bytes_read, lines_read=known.lines_read)
                with_rest.records, with_rest.bad = list(known.records), list(known.bad)
                _take(path, with_rest, rest)
                return with_rest
        return known


def keep_elsewhere(records: Sequence[Record], before: Path | None = None) -> Path | None:
    """Write records that their store cannot take to a file of their own, and return its path.

    before  the file of an earlier call, whose place it takes
    Returns None where no folder takes the file; that of the earlier call stays.
    """
    content = b"".join(record.to_line().encode() + b"\n" for record in records)
    name = f"unwritten-records-of-{records[0].environment.machine}-"
    for folder in (tempfile.gettempdir, lambda: "/dev/shm", Path.home, Path.cwd):
        path = None
        try:
            file, new = tempfile.mkstemp(suffix=".jsonl", prefix=name, dir=folder())
            path = Path(new)
            with os.fdopen(file, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
        except (OSError, RuntimeError):  # a RuntimeError where there is no home
            if path is not None:
                path.unlink(missing_ok=True)
            continue
        if before is None or before.parent != path.parent:
            return path
        return path.replace(before)  # one file, whose name a warning has given already
    return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The right to change the folder's files. Raises OSError where no lock can be had."""
    lock = locks.writing(folder)
    try:
        lock.acquire()
    except NotImplementedError as error:  # a file system without locks
        raise OSError(errno.ENOLCK, str(error), str(folder)) from error
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        problem = "a symbolic link, which a lock may not be (remove it)"
        raise OSError(errno.ELOOP, problem, lock.lock_file) from error
    try:
        yield
    finally:
        lock.release()


def _append(path: Path, line: bytes) -> None:
    """Add a line with its end in one go, or nothing."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(file).st_size
        torn = size and os.pread(file, 1, size - 1) != b"\n"
        content = b"\n" + line if torn else line
        try:
            while content:
                content = content[os.write(file, content) :]
            os.fsync(file)
        except OSError:
            # Half a line would stay for good. Where even that fails, the next append ends it.
            with contextlib.suppress(OSError):
                os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """For the import of libraries and the reading of records: Python's garbage collector would
    traverse the many new objects again and again, until the process ends, and none of them is
    garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _take(path: Path, file: _File, lines: bytes) -> None:
    for parsed in _parse(path, lines, file.lines_read + 1):
        if isinstance(parsed, BadLine):
            file.bad.append(parsed)
        else:
            file.records.append(parsed)


def _parse(path: Path, lines: bytes, first: int) -> Iterator[Record | BadLine]:
    for number, line in enumerate(lines.split(b"\n"), start=first):
        if not line.strip():
            continue
        try:
            if line.startswith(CURRENT):
                yield Record.model_validate_json(line)
                continue
            fields = json.loads(line)
            if not isinstance(fields, dict) or fields.get("schema") not in (SCHEMA, *OLDER_SCHEMAS):
                yield BadLine(path, number, f"not a record of schema {SCHEMA}")
                continue
            yield Record.model_validate(upgraded(fields))
        except ValidationError as error:
            first_error = error.errors()[0]
            where = ".".join(map(str, first_error["loc"]))
            yield BadLine(path, number, f"{where}: {first_error['msg'].lower()}".lstrip(": "))
        except (ValueError, RecursionError) as error:
            yield BadLine(path, number, f"no JSON: {error}")
        except (AttributeError, TypeError) as error:  # of another shape than schema 1 has
            yield BadLine(path, number, f"not a record: {error}")


def _begins_as(path: Path, known: _File) -> bool:
    """Whether what was read of the file is still there: another may have taken its place."""
    with path.open("rb") as file:
        file.seek(known.bytes_read - len(known.last))
        return file.read(len(known.last)) == known.last
