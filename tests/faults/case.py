"""A case, the checks that hold for every one, and its run in a process of its own."""

from __future__ import annotations

import multiprocessing
import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait

from tests.faults.place import (
    Figures,
    Place,
    WrongError,
    adopt_orphans,
    end_children,
    figures_of,
    key_of,
    new_place,
)

PATIENCE_S = 5.0
"""How long what a case started may take to end by itself."""

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Case:
    """One fault.

    run      does it in a place, and returns what came of it; raises WrongError where that is wrong
    allowed  names that it may leave among the temporary files: its own, not the harness's
    slow     it waits for limits, and needs no core meanwhile
    """

    kind: str
    name: str
    run: Callable[[Place, Figures], str]
    allowed: Sequence[str] = ()
    slow: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a case, in words; `wrong` is "" where it is as it must be."""

    case: Case
    came: str
    wrong: str
    seconds: float


def honest_figures() -> Figures:
    """Of an untroubled run: the row and `bias`, with seeds 0 and 1."""
    with new_place() as place:
        words = ["--impl", "bias", "--impl", f"{place.row()}:Row", "--dataset", "ratings.csv"]
        done = place.bench("run", *words, "--seeds", "2")
        records, bad = place.records()
        if done.code or bad or {each.status for each in records} != {"ok"}:
            raise SystemExit(f"an untroubled run does not work:\n{done.text}")
        return {key_of(each): figures_of(each) for each in records}


def run_all(cases: Sequence[Case], figures: Figures, jobs: int) -> Iterator[Result]:
    """Run cases `jobs` at a time, and slow ones beside them; results as they come."""
    slow, quick = ([case for case in cases if case.slow is it] for it in (True, False))
    running: dict = {}
    while slow or quick or running:
        while case := _next(slow, quick, [case for _, case in running.values()], jobs):
            receive, send = FORK.Pipe(duplex=False)
            process = FORK.Process(target=_run_one, args=(case, figures, send))
            process.start()
            send.close()
            running[receive] = process, case
        for receive in wait(list(running)):
            process, case = running.pop(receive)
            try:
                yield Result(case, *receive.recv())
            except EOFError:
                yield Result(case, "", "the suite's own process died", 0.0)
            process.join()


def _next(slow: list[Case], quick: list[Case], running: list[Case], jobs: int) -> Case | None:
    """Four slow cases at a time, beside the others."""
    n_slow = sum(case.slow for case in running)
    if slow and n_slow < 4:
        return slow.pop(0)
    return quick.pop(0) if quick and len(running) - n_slow < jobs else None


def run_one(case: Case, figures: Figures) -> Result:
    """Run one case in a process of its own."""
    [result] = run_all([case], figures, 1)
    return result


def _run_one(case: Case, figures: Figures, send) -> None:
    adopt_orphans()
    started, came, wrong = time.monotonic(), "", ""
    with new_place(case.allowed) as place:
        folder = str(place.folder)
        try:
            came = case.run(place, figures)
        except WrongError as error:
            wrong = str(error)
        except Exception:
            wrong = f"the suite's own fault: {traceback.format_exc()}"
        wrong = "; ".join(filter(None, [wrong, *everywhere(place)]))
    texts = (text.replace(folder, "…") for text in (came, wrong))
    send.send((*texts, time.monotonic() - started))


def everywhere(place: Place) -> Iterator[str]:
    """What is wrong in any case: a traceback, a process or a folder that is left."""
    if left := end_children(PATIENCE_S):
        yield f"left running: {left}"
    if left := place.leftovers():
        yield f"left among the temporary files: {left}"
    for text in place.outputs:
        if found := re.search(
            r"Traceback \(most recent|Fatal Python error|Exception ignored", text
        ):
            yield f"the output has: {text[found.start() :][-600:]}"
        if found := re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202e]", text):
            yield f"the output has the control character {found[0]!r}"


def check_honest(place: Place, figures: Figures, names: Sequence[str] = ("bias",), seeds: int = 2):
    """Raises WrongError unless each honest cell is recorded once, with the untroubled figures."""
    records, bad = place.records()
    if bad:
        raise WrongError(f"a line that is no record: {bad[0].problem}")
    found = [each for each in records if key_of(each)[0] in names]
    wanted = sorted((name, seed) for name in names for seed in range(seeds))
    if (has := sorted(map(key_of, found))) != wanted:
        raise WrongError(f"honest cells recorded: {has}")
    check_figures(found, figures)
    return records


def check_figures(records, figures: Figures) -> None:
    """Raises WrongError for a record that is not ok, or has not the untroubled figures."""
    for each in records:
        if each.status != "ok":
            raise WrongError(f"{key_of(each)} is {each.status}: {each.reason}")
        if figures_of(each) != figures[key_of(each)]:
            raise WrongError(f"wrong figures of {key_of(each)}: {figures_of(each)}")
