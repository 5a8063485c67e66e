"""Where a case runs: a folder of its own, the command in it, what the command must not leave."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.records import Record
from bench.store import BadLine, RecordStore
from tests.support.command_line import BENCH

ROOT = Path(__file__).parents[2]
ROW = Path(__file__).with_name("row.py")
PYTHON = sys.executable
LONGEST_S = 150.0
"""A command that takes longer has hung."""

Figures = dict[tuple[str, int], Any]
"""What decides a score, by implementation (`Row` or a built-in name) and seed."""


class WrongError(Exception):
    """A case did not come out as it must."""


@dataclass
class Done:
    """An ended command: its exit code, and standard output and error."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Place:
    """A case's folder. `allowed` are names that it may leave among the temporary files."""

    folder: Path
    allowed: Sequence[str] = ()
    outputs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("folder", "tmp", "cache", "lock", "home"):
            (self.folder / name).mkdir(parents=True)
        write_ratings(self.work / "ratings.csv")

    @property
    def work(self) -> Path:
        """The working directory of commands."""
        return self.folder / "folder"

    @property
    def results(self) -> Path:
        return self.work / "results"

    def environment(self) -> dict[str, str]:
        """Variables of the command; all that it writes elsewhere is in this place."""
        places = {
            "TMPDIR": "tmp",
            "RATEBENCH_CACHE": "cache",
            "RATEBENCH_LOCK": "lock",
            "HOME": "home",
        }
        dropped = ("RATEBENCH_DATA", "XDG_CACHE_HOME", "COLUMNS", "NO_COLOR")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        own = {name: str(self.folder / folder) for name, folder in places.items()}
        return {**kept, **own, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}

    def row(self, phase: str = "none", code: str = "", more: str = "", name: str = "row.py") -> str:
        """A row with `code` as its fault in `phase`; returns its file. `more` is added as it is."""
        body = textwrap.indent(textwrap.dedent(code).strip() or "pass", "    ")
        fault = f"\n\nPHASE = {phase!r}\n\n\ndef fault(row, train, users, items):\n{body}\n\n\n"
        text = (
            ROW.read_text(encoding="utf-8") + fault + textwrap.dedent(more) + '\n\nat("import")\n'
        )
        (self.work / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        return name

    def start(self, *words: str, shell: str = "", **options: Any) -> subprocess.Popen[bytes]:
        """Start `bench` with these words, by `shell`, a script that runs its arguments."""
        command = [PYTHON, "-P", *BENCH[1:], *words]  # as installed: the working folder is no path
        if shell:
            script = shell if '"$@"' in shell else f'{shell}\nexec "$@"'
            command = ["bash", "-c", script, "bash", *command]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = {"cwd": self.work, "stdin": subprocess.DEVNULL, **streams, **options}
        return subprocess.Popen(command, env=self.environment(), start_new_session=True, **options)

    def bench(self, *words: str, shell: str = "") -> Done:
        """Run `bench` to its end. Raises WrongError where it does not end."""
        return self.ended(self.start(*words, shell=shell))

    def ended(self, process: subprocess.Popen[bytes]) -> Done:
        try:
            out, err = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise WrongError(f"the command did not end within {LONGEST_S:g} s") from None
        done = Done(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        self.outputs.append(done.text)
        return done

    def records(self, folder: str = "results") -> tuple[list[Record], list[BadLine]]:
        return RecordStore(self.work / folder).read()

    def unwritten(self) -> list[Record]:
        """Records that were stored elsewhere for want of space, or printed where no file can be
        written; the files are removed."""
        lines = (line for text in self.outputs for line in text.splitlines())
        found = [Record.model_validate_json(line) for line in lines if line.startswith('{"schema"')]
        places = (self.folder / "tmp", self.folder / "home", self.work, Path("/dev/shm"))
        for file in (file for place in places for file in place.glob("unwritten-records-of-*")):
            with contextlib.suppress(ValueError):
                text = file.read_text(encoding="utf-8")
                lines = [Record.model_validate_json(line) for line in text.splitlines()]
                found += [each for each in lines if self._is_here(each)]
            file.unlink()
        return found

    def _is_here(self, record: Record) -> bool:
        return record.data.n_ratings == N_RATINGS

    def leftovers(self) -> list[str]:
        """What of the harness's own lies among the temporary files."""
        temporary = self.folder / "tmp"
        names = [path.name for path in temporary.iterdir()] if temporary.is_dir() else []
        allowed = {*self.allowed, f"ratebench-{os.getuid()}.lock", "ratebench-65534.lock"}
        return sorted(set(names) - allowed)


N_RATINGS = 600


def write_ratings(path: Path) -> None:
    """Some hundred ratings that depend on the item, the same each time."""
    lines = ["user,item,rating\n"]
    for number in range(N_RATINGS):
        pair = number * 7 % 1200
        rating = (pair % 30 * 7 + pair * pair % 11 + number % 3) % 5 + 1
        lines.append(f"u{pair // 30},i{pair % 30},{rating}\n")
    path.write_text("".join(lines), encoding="utf-8")


def figures_of(record: Record) -> Any:
    """All of a record that no clock decides."""
    metrics = record.metrics and record.metrics.model_dump(exclude={"flags"})
    return metrics, [(point.epoch, point.rmse, point.mae) for point in record.curve]


def key_of(record: Record) -> tuple[str, int]:
    return record.cell.implementation.rpartition(":")[2], record.cell.seed


def until(condition: Callable[[], Any], what: str, longest_s: float = 60.0) -> Any:
    """The first true value of `condition`. Raises WrongError where it does not come."""
    end = time.monotonic() + longest_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise WrongError(f"{what} did not come within {longest_s:g} s")
        time.sleep(0.002)
    return value


def adopt_orphans() -> None:
    """Become the parent of whatever outlives its parent below this process."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def running_children() -> list[psutil.Process]:
    """Descendants that still run."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


def end_children(patience_s: float = 5.0) -> list[str]:
    """Wait for descendants to end, then kill them; returns the names of those."""
    _, left = psutil.wait_procs(running_children(), timeout=patience_s)
    names = []
    for process in left:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                names.append(" ".join(process.cmdline())[:120] or process.name())
            process.send_signal(signal.SIGKILL)
    return names


@contextlib.contextmanager
def new_place(allowed: Sequence[str] = ()):
    """A place, removed afterwards whatever its case did to its modes."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    try:
        yield Place(folder / "place", allowed)
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
        for path in Path("/dev/shm").glob(f"{folder.name}-*"):
            path.unlink()
