"""The append-only store of records, read once and then from memory."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import marshal
import os
import re
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.cell import locks
from bench.records import OLDER_SCHEMAS, SCHEMA, Curve, Environment, Record, upgraded
from datasets.atomic import replace

CURRENT = f'{{"schema": {SCHEMA},'.encode()
"""How a line of the present schema begins, as `Record.to_line` writes it."""

LAST_BYTES = 4096
"""How much of what was read is compared, to notice that another file took its place."""

LONGEST_LINE = 1 << 26
"""Bytes. A longer line is read past, in pieces of this size."""

LONGEST_TEXT = 1 << 20
"""Bytes of one text in a line: names, reasons and logs are far shorter, and a page shows them."""


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
        self._shared = _Shared()

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

    def shared(self, record: Record) -> Record:
        """The record itself, with the parts that are equal to those of records that were read."""
        return self._shared.of(record)

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
            with path.open("rb") as file, collector_paused():
                file.seek(known.bytes_read)
                return self._take(path, known, file)
        return known

    def _take(self, path: Path, known: _File, file: BinaryIO) -> _File:
        """Add what is new in the file. What is returned has its last line, too, where that has no
        end yet: it may still be written to, so the next time it is read again."""
        known.records, known.bad = list(known.records), list(known.bad)
        for line, size in _lines(file):
            parsed = self._parse(path, known.lines_read + 1, line, size)
            if not line.endswith(b"\n"):
                records, bad = list(known.records), list(known.bad)
                _add(parsed, records, bad)
                return _File(records=records, bad=bad)
            _add(parsed, known.records, known.bad)
            known.bytes_read += size
            known.lines_read += 1
            known.last = (known.last + line)[-LAST_BYTES:]
        return known

    def _parse(self, path: Path, number: int, line: bytes, size: int) -> Record | BadLine | None:
        """The record of a line, why it is none, or None for a blank line."""
        if size > len(line):
            return BadLine(path, number, f"longer than {LONGEST_LINE:,} bytes")
        if not line.strip():
            return None
        try:
            return self._shared.of(parsed(line))
        except NotARecordError as error:
            return BadLine(path, number, str(error))


PLAIN_FIELDS: attrgetter[tuple[object, ...]] = attrgetter(
    *(each.name for each in fields(Environment) if each.name not in ("versions", "roofs"))
)
Value = TypeVar("Value")
Model = TypeVar("Model", bound=BaseModel)


class _Shared:
    """One object for equal parts of records: thousands are of one dataset, source and machine."""

    def __init__(self) -> None:
        self._known: dict[bytes, object] = {}
        self._environments: dict[tuple[object, ...], Environment] = {}

    def of(self, record: Record) -> Record:
        """The record itself, with parts of others that are equal."""
        cell, environment = record.cell, record.environment
        cell.hyperparameters = self._value(cell.hyperparameters)
        cell.rules = self._value(cell.rules)
        environment.versions = self._value(environment.versions)
        environment.roofs = self._one(environment.roofs, [vars(r) for r in environment.roofs])
        record.environment = self._environment(environment)
        record.thread_pools = self._value(record.thread_pools)
        if record.metrics:
            record.metrics.flags = self._value(record.metrics.flags)
            record.metrics.slices = record.metrics.slices or self._value(record.metrics.slices)
        record.curve = Curve(record.curve)
        record.data, record.source = self._model(record.data), self._model(record.source)
        record.reference = record.reference and self._model(record.reference)
        record.numerics = record.numerics and self._model(record.numerics)
        return record

    def _environment(self, environment: Environment) -> Environment:
        still = id(environment.versions), id(environment.roofs)
        return self._environments.setdefault((*still, *PLAIN_FIELDS(environment)), environment)

    def _value(self, value: Value) -> Value:
        return self._one(value, value)

    def _model(self, model: Model) -> Model:
        return self._one(model, vars(model))

    def _one(self, part: Value, content: object) -> Value:
        key = marshal.dumps(content, 2)  # type: ignore[arg-type]
        return self._known.setdefault(key, part)  # type: ignore[return-value]


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


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Each line with its end, and its size; of one that is too long only its end."""
    while line := file.readline(LONGEST_LINE):
        size = len(line)
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
            size += len(line)
        yield line, size


class NotARecordError(ValueError):
    """A line is no record; the message says why."""


def parsed(line: str | bytes) -> Record:
    """The record of a line. Raises NotARecordError."""
    try:
        text = line.encode() if isinstance(line, str) else line
        if len(text) > LONGEST_TEXT:
            longest = max(map(len, re.findall(rb'"(?:[^"\\]|\\.)*"', text)), default=0)
            if longest > LONGEST_TEXT:
                raise NotARecordError(f"a text of {longest:,} bytes")
        if not text.startswith(CURRENT):
            known = json.loads(text)
            if not isinstance(known, dict) or known.get("schema") not in (SCHEMA, *OLDER_SCHEMAS):
                raise NotARecordError(f"not a record of schema {SCHEMA}")
            text = json.dumps(upgraded(known)).encode()
        return Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {_meaning(first)}".lstrip(": ")
    except NotARecordError:
        raise
    except RecursionError:
        problem = "no record: nested too deep"
    except ValueError as error:
        problem = f"no JSON: {error}"
    except (AttributeError, TypeError) as error:  # of another shape than schema 1 has
        problem = f"not a record: {error}"
    raise NotARecordError(problem)


def _meaning(error: ErrorDetails) -> str:
    if error["type"] == "string_pattern_mismatch":  # the only pattern is that of a moment
        return "not a date and time as 2026-01-31T12:00:00+00:00"
    if "recursion limit" in error["msg"]:
        return "no record: nested too deep"
    return error["msg"].lower()


def _add(parsed: Record | BadLine | None, records: list[Record], bad: list[BadLine]) -> None:
    if isinstance(parsed, Record):
        records.append(parsed)
    elif parsed:
        bad.append(parsed)


def _begins_as(path: Path, known: _File) -> bool:
    """Whether what was read of the file is still there: another may have taken its place."""
    with path.open("rb") as file:
        file.seek(known.bytes_read - len(known.last))
        return file.read(len(known.last)) == known.last
