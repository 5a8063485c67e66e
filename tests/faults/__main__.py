"""`python -m tests.faults [KIND…] [--only PATTERN] [--jobs N] [--list]`"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import time

from datasets.printable import printable
from tests.faults import cheats, environments, implementations, kills, page, records
from tests.faults.case import honest_figures, run_all

KINDS = {each.KIND: each.cases for each in (implementations, environments, kills, records, cheats)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument(
        "--only",
        action="append",
        help="cases whose name matches this, as *daemon*; their lines are written anew. Several "
        "allowed",
    )
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    arguments = parser.parse_args()
    chosen = [case for kind in arguments.kind or KINDS for case in KINDS[kind]()]
    if arguments.only:
        chosen = [
            case
            for case in chosen
            if any(fnmatch.fnmatch(case.name, each) for each in arguments.only)
        ]
    if arguments.list:
        print(*(f"{case.kind}: {case.name}" for case in chosen), sep="\n")
        return 0
    run, figures, started, results = page.where(), honest_figures(), time.monotonic(), []
    for done, result in enumerate(run_all(chosen, figures, arguments.jobs), start=1):
        results.append(result)
        mark = f"WRONG {result.wrong}" if result.wrong else result.came[:100]
        line = f"[{done}/{len(chosen)}] {result.seconds:4.1f} s  {result.case.name}: {mark}"
        print(printable(line), flush=True)
    order = {case.name: place for place, case in enumerate(chosen)}
    results.sort(key=lambda result: order[result.case.name])
    for kind in arguments.kind or KINDS:
        found = [each for each in results if each.case.kind == kind]
        if arguments.only:
            page.write_again(kind, found, run, KINDS[kind]())
        else:
            page.write(kind, page.table(found, run))
    wrong = sum(bool(result.wrong) for result in results)
    print(f"{len(chosen)} cases, {wrong} wrong, {time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
