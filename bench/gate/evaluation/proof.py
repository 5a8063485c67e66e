"""`bench gate --prove N`: how often the gate is wrong on this machine, and how long it takes."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.gate.command import Request, Show, compare, publish
from bench.gate.errors import ProofError
from bench.gate.evaluation.revisions import Extra, commit, slow_down
from bench.gate.evaluation.tally import DECISIONS, share, shares, verdicts_of
from bench.gate.report import clear, markdown
from bench.gate.statistics import BROKEN, PASSED, Verdict, overall
from bench.gate.trees import Repository
from datasets import atomic
from datasets.temporary import TemporaryFolder

SLOWDOWN = 0.05
Trial = dict[str, Any]
"""Raw timings of a run, its exit `code`, and the `extra` work in head: None where head is base."""


def prove(runs: int, request: Request, folder: Path, show: Show, progress: Show) -> int:
    """Compare base with itself `runs` times, and as often with a head that has extra work in it.

    The two take turns. In each such head a half of the workloads, drawn anew, takes `SLOWDOWN`
    longer. Whatever ends the runs, those that have finished are shown and written. Raises
    GateError where nothing can be compared, and ProofError where a run is BROKEN.
    """
    clear(request.out)
    repository = Repository.around(folder)
    base = repository.revision(request.base).sha
    limit = request.time_limit_s
    minutes = math.ceil(2 * runs * limit / 60)
    progress(f"{2 * runs} runs of at most {limit:g} s each: up to {minutes} min")
    trials: list[Trial] = []
    try:
        for number in range(2 * runs):
            # The draws are known here alone: the gate gets two commits.
            extra = drawn(verdicts_of(trials[-1]), random.SystemRandom()) if number % 2 else None
            head = base if extra is None else commit(repository, base, slow_down(extra))
            on_round = partial(_forward, progress, f"run {number + 1} of {2 * runs}")
            timings, text = _run(request, base, head, folder, on_round)
            if timings["code"] == BROKEN:
                show(text)
                raise ProofError(f"run {number + 1} is BROKEN, so that it proves nothing")
            trials.append({"extra": extra, **timings})
            content = json.dumps({"schema": 2, "base": base, "trials": trials})
            atomic.replace(request.out, content.encode())
    finally:
        if trials:
            publish(report(trials), show)
    return PASSED


def _forward(progress: Show, run: str, line: str) -> None:
    progress(f"{run}, {line}")


def drawn(workloads: Iterable[str], rng: random.Random) -> Extra:
    """`SLOWDOWN` for a random half of them; of an odd number, for one more."""
    names = list(workloads)
    return dict.fromkeys(rng.sample(names, (len(names) + 1) // 2), SLOWDOWN)


def _run(
    request: Request, base: str, head: str, folder: Path, progress: Show
) -> tuple[dict[str, Any], str]:
    """Raw timings of one run with its exit code, and its table."""
    shown: list[str] = []
    with TemporaryFolder() as temporary:
        out = Path(temporary.name) / "gate.json"
        one = Request(base, head, request.only, request.time_limit_s, tolerant=False, out=out)
        code = compare(one, folder, shown.append, progress)
        return {"code": code, **json.loads(out.read_text(encoding="utf-8"))}, shown[-1]


def report(trials: Sequence[Trial]) -> str:
    """The table of verdicts with their 95 % intervals, and the minutes, as markdown."""
    same, slow = ([run for run in trials if (run["extra"] is None) is it] for it in (True, False))
    verdicts: dict[bool, list[Verdict]] = {False: [], True: []}
    for run in trials:
        for name, verdict in verdicts_of(run).items():
            verdicts[name in (run["extra"] or ())].append(verdict)
    rows = [
        ["runs of base against itself", *shares([overall(verdicts_of(r).values()) for r in same])],
        ["workloads without extra work", *shares(verdicts[False])],
        [f"workloads slower by {100 * SLOWDOWN:.0f} %", *shares(verdicts[True])],
    ]
    failed = share(sum(run["control"]["failed"] for run in trials), len(trials))
    total = sum(run["seconds"] for run in trials) / 60
    return "\n\n".join(
        [
            markdown(rows, ("", *DECISIONS)),
            f"The A/A control failed in {failed} runs. Minutes: {_median(same)} against itself and "
            f"{_median(slow)} with extra work (medians), {total:.1f} in all.",
            "A FAIL in the first two rows is a false alarm, the share of FAIL in the third is the "
            "power. Intervals are 95 % (Clopper–Pearson).",
        ]
    )


def _median(runs: Sequence[Trial]) -> str:
    """Of the minutes of a run."""
    return f"{statistics.median(run['seconds'] for run in runs) / 60:.1f}" if runs else "–"
