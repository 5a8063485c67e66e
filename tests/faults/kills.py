"""Kills: a verb that is ended by a signal in a state that can be observed, and what it leaves."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.case import Case, check_honest
from tests.faults.place import (
    ROOT,
    Figures,
    Place,
    WrongError,
    end_children,
    until,
)

KIND = "kills"
REACHED = "reached"
WAITS = f"""
    ctypes.CDLL(None).prctl(15, b'{REACHED}', 0, 0, 0)
    time.sleep(3600)
"""
"""A row says where it is by the name of its process, which is seen from everywhere."""
STUDY = """description = "x"
dataset = "ratings.csv"
implementations = ["bias"]
[space]
user_damping = { low = 0.1, high = 50.0, log = true }
"""
RUN = ("run", "--impl", "bias", "--impl", "row.py:Row", "--dataset", "ratings.csv")


@dataclass(frozen=True)
class Kill:
    """`verb` gets `sent` once it is in `state`; the same command then goes on, or starts anew.

    state   "reached": the worker waits in the row's `phase`; "text X": X is printed; "file X": a
            file that the pattern X names is there; "records N"; "child": it has a child
    twice   the signal is sent twice, at once
    stopped  the worker is stopped (SIGSTOP) before
    """

    verb: str
    sent: str
    state: str
    phase: str = "fit"
    twice: bool = False
    stopped: bool = False
    shell: str = ""

    @property
    def name(self) -> str:
        more = [self.phase] if self.state == "reached" else []
        more += ["twice"] * self.twice + ["worker stopped"] * self.stopped
        more += ["closed streams"] * bool(self.shell)
        return ", ".join([f"{self.verb}: SIG{self.sent} at {self.state}", *more])

    def run(self, place: Place, figures: Figures) -> str:
        words = self._prepared(place)
        cwd = _clone(place) if self.verb == "gate" else place.work
        code, text = self._killed(place, words, cwd)
        place.outputs.append(text)
        # Python's own end, after all work, is by the signal itself.
        by_signal = self.sent == "KILL" or "start at " in text
        number = signal.Signals[f"SIG{self.sent}"]
        if code not in (0, 128 + number, *([-number] if by_signal else [])):
            raise WrongError(f"exit code {code} after SIG{self.sent}: {text[-400:]}")
        if left := end_children():
            raise WrongError(f"still running after SIG{self.sent}: {left}")
        if self.sent != "KILL" and (left := place.leftovers() + _worktrees(cwd)):
            raise WrongError(f"left after SIG{self.sent}: {left}")
        if self.verb == "gate":
            # It checks out before it refuses that.
            place.ended(place.start("gate", "HEAD", "--workload", "none", cwd=cwd))
            if left := place.leftovers() + _worktrees(cwd):
                raise WrongError(f"the next gate does not sweep {left}")
        else:
            self._goes_on(place, figures, words)
        return f"exit code {code}; the next one goes on"

    def _killed(self, place: Place, words: tuple[str, ...], cwd: Path) -> tuple[int, str]:
        """Start it and send the signal; returns its exit code and what it printed."""
        number = signal.Signals[f"SIG{self.sent}"]
        with (place.folder / "out").open("wb") as out:
            streams = {"stdout": out, "stderr": subprocess.STDOUT}
            process = place.start(*words, shell=self.shell, cwd=cwd, **streams)
            until(lambda: process.poll() is not None or self._is_in(place, process), self.state)
            if self.state == "reached" and process.poll() is not None:
                raise WrongError("it ended before it was reached")
            if self.stopped:
                for worker in _workers(process):
                    worker.suspend()
            for _ in range(1 + self.twice):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise WrongError("it did not end within 60 s of the signal") from None
        return code, (place.folder / "out").read_text(encoding="utf-8", errors="replace")

    def _prepared(self, place: Place) -> tuple[str, ...]:
        if self.verb in ("run", "tune", "predict"):
            place.row(self.phase if self.state == "reached" else "none", WAITS)
        (place.work / "study.toml").write_text(STUDY, encoding="utf-8")
        (place.work / "pairs.csv").write_text("user,item\nu1,i1\n", encoding="utf-8")
        if self.verb == "report":
            place.row()
            place.bench(*RUN, "--seeds", "2")
        if self.verb == "tune" and self.state == "reached":
            text = STUDY.replace("bias", "row.py:Row")
            text = text.replace("user_damping = { low = 0.1, high = 50.0, log = true }",
                                "epochs = { low = 1, high = 5 }")  # fmt: skip
            (place.work / "study.toml").write_text(text, encoding="utf-8")
        return {
            "run": (*RUN, "--seeds", "2"),
            "tune": ("tune", "study.toml", "--trials", "6"),
            "report": ("report",),
            "data": ("data", "ratings.csv"),
            "predict": ("predict", "--impl", "row.py:Row" if self.state == "reached" else "bias",
                        "--dataset", "ratings.csv", "--pairs", "pairs.csv"),
            "gate": ("gate", "HEAD", "--time-limit", "60", "--out", str(place.work / "gate.json")),
        }[self.verb]  # fmt: skip

    def _is_in(self, place: Place, process: subprocess.Popen) -> bool:
        what, _, more = self.state.partition(" ")
        match what:
            case "reached":
                return REACHED in _names(process)
            case "text":
                return more.encode() in (place.folder / "out").read_bytes()
            case "file":
                return any(place.folder.glob(more))
            case "records":
                files = place.work.glob("results/**/*.jsonl")
                with contextlib.suppress(FileNotFoundError):  # made to see that it can be
                    return sum(file.read_bytes().count(b"\n") for file in files) >= int(more)
                return False
            case "child":
                return bool(_workers(process))
        raise ValueError(self.state)

    def _goes_on(self, place: Place, figures: Figures, words: tuple[str, ...]) -> None:
        if self.state == "reached":
            place.row()  # its source is another now, and it waits no longer
        done = place.bench(*words)
        if done.code:
            raise WrongError(f"the next run ends with exit code {done.code}: {done.text[-400:]}")
        if left := place.leftovers():
            raise WrongError(f"the next run does not sweep {left}")
        if self.verb == "run":
            check_honest(place, figures, ("bias", "Row"))
        if self.verb == "tune":
            records, bad = place.records("results/tuning")
            if bad or len({each.identity for each in records}) != len(records) != 0:
                raise WrongError(f"{len(records)} trials, bad lines: {bad}")


def _clone(place: Place) -> Path:
    """A repository of the case's own, for the gate's worktrees."""
    clone = place.folder / "clone"
    subprocess.run(["git", "clone", "--quiet", "--shared", ROOT, clone], check=True)
    return clone


def _worktrees(folder: Path) -> list[str]:
    """Those that git lists beside the clone itself; none where the folder is no clone."""
    if not (folder / ".git").exists():
        return []
    command = ["git", "-C", folder, "worktree", "list"]
    return subprocess.run(
        command, check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()[1:]


def _workers(process: subprocess.Popen) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def _names(process: subprocess.Popen) -> list[str]:
    names = []
    with contextlib.suppress(psutil.Error):
        names.append(psutil.Process(process.pid).name())  # in which `predict` trains
    for each in _workers(process):
        with contextlib.suppress(psutil.Error):
            names.append(each.name())
    return names


def _kills() -> Iterator[Kill]:
    for sent in ("TERM", "HUP", "QUIT", "INT", "KILL"):
        for phase in ("import", "fit", "predict"):
            yield Kill("run", sent, "reached", phase)
        yield Kill("run", sent, "records 1")
        yield Kill("run", sent, "child")
        yield Kill("tune", sent, "records 2")
        yield Kill("tune", sent, "reached")
        yield Kill("report", sent, "file work/results/*.md")
        yield Kill("report", sent, "file work/results/plots/*")
        yield Kill("data", sent, "child" if sent == "none" else "file cache/*")
        yield Kill("predict", sent, "file cache/*")
        yield Kill("predict", sent, "reached", "warm-up")  # as `at` calls its one fit
        yield Kill("gate", sent, "file tmp/ratebench-held-*/base/bench")
        yield Kill("run", sent, "reached", "fit", stopped=True)
        yield Kill("run", sent, "reached", "fit", twice=True)
        yield Kill("run", sent, "reached", "fit", shell="exec <&- >&- 2>&-")
    draw = random.Random(16)
    for _ in range(10):  # the rest of the phases, and records, by lot
        sent = draw.choice(("TERM", "HUP", "QUIT", "INT", "KILL"))
        phases = (
            "__init__",
            "warm-up",
            "predict of the warm-up",
            "evaluation",
            "end of fit",
            "again",
        )
        yield Kill("run", sent, "reached", draw.choice(phases))
        yield Kill("run", sent, f"records {draw.randrange(1, 4)}", twice=bool(draw.randrange(2)))


def cases() -> list[Case]:
    kills = {kill.name: kill for kill in _kills()}
    return [Case(KIND, each.name, each.run) for each in kills.values()]
