"""Files written whole or not at all: beside their place, then renamed."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_numbers = itertools.count()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new path beside `path`, to write a file to; it takes the place of `path` at the end.

    Readers see the old file or the new one, and of two writers the later one stays. After an
    error nothing has changed. The folder is created. An OSError of the writing names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = os.fsencode(path.name)[:200].decode(errors="ignore")
    new = path.with_name(f".{name}.{os.getpid()}-{next(_numbers)}.new")
    try:
        yield new
        new.replace(path)
    except OSError as error:
        # The error of a full disk names no file, others the new one, which is gone in a moment.
        if error.errno and str(error.filename or new) == str(new):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):  # the first error is the one to report
            new.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Give `path` this content in one step; a file that already has it is not touched.

    Raises OSError, which names the file.
    """
    replace_all({path: content})


def _resolved(path: Path) -> Path:
    """Raises OSError for links that lead to each other, for which `resolve` has another error."""
    try:
        return path.resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


def replace_all(contents: Mapping[Path, bytes]) -> None:
    """Give each path its content; a file that already has it is not touched.

    All are written before the first takes its place: where one cannot be, for a full disk say,
    none has changed. Raises OSError, which names the file.
    """
    resolved = {_resolved(path): content for path, content in contents.items()}
    with ExitStack() as files:
        for path, content in resolved.items():
            if path.exists() and path.read_bytes() == content:
                continue
            new = files.enter_context(replacing(path))
            new.write_bytes(content)
            if path.exists():
                shutil.copymode(path, new)
