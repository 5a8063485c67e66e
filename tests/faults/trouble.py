"""`python -m tests.faults.trouble`: a day of trouble in an hour.

Cells of two honest rows, and of one that goes wrong in a drawn way each time; the run is killed at
drawn numbers of records and started anew; the disk of the results is filled and freed. At the end
each honest cell must be recorded exactly once, with the figures of an untroubled run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import page
from tests.faults.case import Case, run_one
from tests.faults.place import (
    Figures,
    Place,
    WrongError,
    end_children,
    figures_of,
    key_of,
    new_place,
)

HONEST = ("bias", "Row")
FAULTS = (
    "raise ValueError('no luck')",
    "os._exit(0)",
    "os.abort()",
    "ctypes.string_at(0)",
    "os.kill(os.getpid(), signal.SIGKILL)",
    "sys.exit('no luck')",
    "raise MemoryError",
    "os.closerange(3, 64)",
    "tell(b'hello' + bytes([10]))",
    "tell(bytes(100_000))",
    "json.dumps = None",
    "subprocess.Popen(['sleep', '3600'], start_new_session=True)",
    "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    "row.eaten_ = np.ones(1 << 58, np.int8)",
    "row.mean_ = np.nan",
    "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)); Path('x').write_bytes(bytes(99))",
    "print('x' * 9_000_000); os._exit(1)",
    "sys.setrecursionlimit(5)",
    "os.kill(os.getpid(), signal.SIGTERM)",
    "raise KeyboardInterrupt",
    "[f.unlink() for d in harness_folders() for f in d.iterdir()]; os._exit(0)",
    "os.execv('/bin/true', ['true'])",
)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
TMPFS_BYTES = 16_000_000
NAMESPACE = "RATEBENCH_FAULTS_NAMESPACE"


@dataclass
class Trouble:
    """What is to go wrong, by a seed, and what did."""

    seeds: int
    kills: int
    fills: int
    seed: int
    seen: Counter = field(default_factory=Counter)
    added: int = 0

    def run(self, place: Place, figures: Figures) -> str:
        words = self._words(place)
        if self.fills:
            place.results.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "none", place.results]
            subprocess.run(mount, check=True)
        draw = random.Random(self.seed)
        total = len(HONEST) * self.seeds
        at = sorted(draw.sample(range(1, total), self.kills))
        fill = sorted(draw.sample(range(1, total), self.fills))
        while True:
            process = place.start(*words, stdout=subprocess.DEVNULL)
            self._watch(place, process, draw, at, fill)
            process.communicate()
            end_children()
            self._filler(place).unlink(missing_ok=True)
            self._add_unwritten(place)
            if not at and process.returncode in (0, 1) and not fill:
                break
        return self._judged(place, figures)

    def _words(self, place: Place) -> list[str]:
        place.row()
        code = f"draw = __import__('random').Random(row.seed)\nexec(draw.choice({FAULTS!r}))"
        place.row("fit", code, name="faulty.py", more="Row.__name__ = 'Faulty'\nFaulty = Row")
        rows = ["--impl", "bias", "--impl", "row.py:Row", "--impl", "faulty.py:Faulty"]
        return ["run", *rows, "--dataset", "ratings.csv", "--seeds", str(self.seeds)]

    def _watch(self, place: Place, process, draw: random.Random, at: list, fill: list) -> None:
        """Fill the disk, free it, and end the process, each as its number of records is there."""
        full = 0.0
        while process.poll() is None:
            n = len(_honest_lines(place))
            filler = self._filler(place)
            if fill and n >= fill[0]:
                fill.pop(0)
                self.seen["disk filled"] += 1
                with contextlib.suppress(OSError), filler.open("wb") as file:
                    while True:
                        file.write(bytes(1 << 12))
                        file.flush()
                full = time.monotonic()
            # Freed as a record waits for room, and further cells have had the time to run.
            waits = any((place.folder / "tmp").glob("unwritten-records-of-*"))
            if full and time.monotonic() > full + (2 if waits else 30):
                filler.unlink(missing_ok=True)
                full = 0.0
            if at and n >= at[0]:
                at.pop(0)
                sent = draw.choice(SIGNALS)
                self.seen[sent.name] += 1
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(sent)
                process.wait()
            time.sleep(draw.uniform(0.001, 0.05))

    def _filler(self, place: Place) -> Path:
        return place.results / "filler"

    def _add_unwritten(self, place: Place) -> None:
        """As the warning of a run says: what could not be stored is added once there is room."""
        for file in (place.folder / "tmp").glob("unwritten-records-of-*"):
            store = next((place.results / "records").glob("*.jsonl"), None)
            here = set(store.read_bytes().splitlines()) if store else set()
            new = [line for line in file.read_bytes().splitlines() if line not in here]
            if store and new:
                with store.open("ab") as opened:
                    opened.write(b"\n".join([b"", *new, b""]))
                self.added += len(new)
            file.unlink()

    def _judged(self, place: Place, figures: Figures) -> str:
        records, bad = place.records()
        self.seen["torn lines"] = len(bad)
        honest = [each for each in records if key_of(each)[0] in HONEST]
        if strange := [f"{key_of(r)} {r.status}: {r.reason}" for r in honest if r.status != "ok"]:
            raise WrongError(f"honest cells that are not ok: {strange[:3]}")
        counts = Counter(map(key_of, honest))
        wanted = {(name, seed) for name in HONEST for seed in range(self.seeds)}
        if wrong := {key: n for key, n in counts.items() if n != 1} or wanted - counts.keys():
            raise WrongError(f"honest cells not recorded exactly once: {list(wrong)[:5]}")
        if wrong := [key_of(r) for r in honest if figures_of(r) != figures[key_of(r)]]:
            raise WrongError(f"other figures than an untroubled run: {wrong[:5]}")
        faulty = Counter(each.status for each in records if key_of(each)[0] == "Faulty")
        return json.dumps({"honest": len(honest), "faulty": faulty, "seen": self.seen,
                           "added": self.added})  # fmt: skip


def _honest_lines(place: Place) -> list[bytes]:
    found = []
    for file in (place.results / "records").glob("*.jsonl"):
        lines = file.read_bytes().splitlines()
        found += [line for line in lines if b'"status": "ok"' in line and b"Faulty" not in line]
    return found


def untroubled(seeds: int) -> Figures:
    """The figures of the honest rows, without faults."""
    with new_place() as place:
        rows = ["--impl", "bias", "--impl", f"{place.row()}:Row"]
        place.bench("run", *rows, "--dataset", "ratings.csv", "--seeds", str(seeds))
        return {key_of(each): figures_of(each) for each in place.records()[0]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.trouble", description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--fills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=16)
    arguments = parser.parse_args()
    if arguments.fills and NAMESPACE not in os.environ:
        os.environ[NAMESPACE] = "1"
        option = "-m" if os.getuid() == 0 else "-rm"
        words = [sys.executable, "-m", "tests.faults.trouble", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", option, *words])
    started = time.monotonic()
    seeds = arguments.cells // 3
    figures = untroubled(seeds)
    trouble = Trouble(seeds, arguments.kills, arguments.fills, arguments.seed)
    result = run_one(Case("trouble", "a day of trouble", trouble.run), figures)
    minutes = (time.monotonic() - started) / 60
    body = f"{page.where()} Seed {arguments.seed}, {minutes:.0f} minutes.\n\n"
    body += f"{3 * seeds} cells, of which {2 * seeds} honest; in the others a drawn fault.\n"
    body += (
        "The command was killed at drawn numbers of records and started again, and the disk of\n"
    )
    body += "the results was full for a while, again and again.\n\n"
    if result.wrong:
        body += f"**Wrong**: {result.wrong}\n"
    else:
        came = json.loads(result.came)
        rows = {
            "honest cells, each recorded once with the figures of an untroubled run": came[
                "honest"
            ],
            **{f"records of the faulty row: {k}": v for k, v in came["faulty"].items()},
            **{k if k[0] != "S" else f"{k} to the harness": v for k, v in came["seen"].items()},
            "records that were stored elsewhere and added": came["added"],
        }
        body += "| what | how often |\n|:-----|----------:|\n"
        body += "".join(f"| {what} | {n} |\n" for what, n in rows.items())
    page.write("trouble", body)
    print(body)
    return bool(result.wrong)


if __name__ == "__main__":
    sys.exit(main())
