"""`python -m tests.damaged.read_all [COUNT [FIRST]]`: read so many generated files, and count.

Each has to come back as a dataset in which no row is unaccounted for, or as a DataError of one
line that names the file and a remedy, within 10 s and 1 GB. What does not is shown with its seed.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from datasets import cache, catalog
from datasets.errors import DataError
from datasets.printable import one_line
from tests.damaged.files import generated

MOST_S = 10
MOST_BYTES = 1 << 30
LONGEST_MESSAGE = 1_500


def main(count: int, first: int) -> int:
    """Print how many files came to what; returns 1 where one came to what it must not."""
    step = 500
    parts = [range(n, min(n + step, first + count)) for n in range(first, first + count, step)]
    totals: Counter[str] = Counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, _prepare) as pool:
        for part in pool.map(_part, parts):
            totals.update(part)
    bad = 0
    for what, number in totals.most_common():
        print(f"{number:8,}  {what}")
        bad += number * (what not in ("dataset", "error"))
    return int(bad > 0)


def outcome(path: Path) -> str:
    """ "dataset", "error", or what is wrong with how the file was read."""
    started = time.process_time()
    try:
        data = catalog.load(str(path))
    except DataError as error:
        return _of_error(str(error), str(path)) or _slow(started) or "error"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    reading = data.reading
    assert reading is not None
    rows = len(data.ratings) + data.duplicates + sum(reading.dropped.values())
    if rows != reading.rows:
        return f"{rows} of {reading.rows} rows are accounted for"
    return _slow(started) or "dataset"


def _of_error(message: str, path: str) -> str:
    if not message.startswith(path):
        return f"the error does not name the file: {message[:200]}"
    if ". " not in message:
        return f"the error has no remedy: {message[:200]}"
    if message != one_line(message):
        return f"the error holds control characters: {message[:200]!r}"
    if len(message) > LONGEST_MESSAGE:
        return f"an error of {len(message):,} characters"
    return ""


def _slow(started: float) -> str:
    """By the processor's time, which what else runs on the machine does not lengthen."""
    return f"took over {MOST_S} s" if time.process_time() - started > MOST_S else ""


def _prepare() -> None:
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    warnings.simplefilter("ignore")
    cache.store = lambda *_: None  # type: ignore[assignment]  # what is tested is the reading


@contextmanager
def _limits() -> Iterator[None]:
    """A GB beyond what the process has now; and an end of it where it hangs."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, most))
    signal.alarm(6 * MOST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _part(seeds: range) -> Counter[str]:
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            name, content = generated(seed)
            path = Path(folder) / name
            path.write_bytes(content)
            with _limits():
                what = outcome(path)
            if what not in ("dataset", "error"):
                print(f"seed {seed}, {name}: {what}", file=sys.stderr)
                what = what.partition(":")[0]
            counts[what] += 1
            path.unlink()
    return counts


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    sys.exit(main(*[*given, *(100_000, 0)[len(given) :]]))
