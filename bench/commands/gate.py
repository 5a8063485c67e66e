"""`bench gate`: its exit codes, whatever goes wrong."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

import typer

from bench.commands import terminal

BROKEN = 3
"""As bench.gate has it, which may be what is broken."""


def gate(
    base: str | None,
    head: str | None,
    baseline: Path | None,
    save: Path | None,
    only: tuple[str, ...],
    time_limit_s: float,
    tolerant: bool,
    out: Path,
    runs: int | None,
) -> int:
    """Compare two revisions, screen or store one, or prove the gate; returns the exit code.

    runs  of the proof, of each kind; None where none is requested

    Raises typer.Exit where the gate itself fails.
    """
    if problem := _misuse(base, head, baseline, save, tolerant, runs):
        terminal.fail(problem)
        return BROKEN
    with _exit_code_1_is_a_regression():
        from bench.gate.command import Request, compare
        from bench.gate.errors import GateError
        from bench.gate.evaluation.proof import prove
        from bench.gate.stored import command as screening

        request = Request(base or "HEAD", head, only, time_limit_s, tolerant, out)
        try:
            if runs:
                return prove(runs, request, Path.cwd(), terminal.print_line, terminal.note)
            if save:
                return screening.save(save, request, Path.cwd(), terminal.print_line, terminal.note)
            if baseline:
                return screening.against(
                    baseline, request, Path.cwd(), terminal.print_line, terminal.note
                )
            return compare(request, Path.cwd(), terminal.print_line, terminal.note)
        except GateError as error:
            terminal.fail(error)
            return BROKEN


def _misuse(
    base: str | None,
    head: str | None,
    baseline: Path | None,
    save: Path | None,
    tolerant: bool,
    runs: int | None,
) -> str:
    """What is wrong with the options; "" where nothing is."""
    if runs is None:
        one = [base, baseline, save].count(None) == 2
        return "" if one else "name one of BASE, --baseline FILE and --save FILE"
    if runs < 1:
        return f"--prove {runs}: at least one run of each kind"
    if head or baseline or save or tolerant:
        return "--prove takes BASE, --workload, --time-limit and --out, and nothing else"
    return ""


@contextlib.contextmanager
def _exit_code_1_is_a_regression() -> Iterator[None]:
    """Python and rich end with 1, too: for an error of the gate itself, and for a closed pipe."""
    try:
        yield
    except (Exception, SystemExit) as error:
        with contextlib.suppress(SystemExit):  # where standard error is closed as well
            if isinstance(error, SystemExit):
                terminal.fail("nobody read the verdict: the output was closed")
            elif isinstance(error, OSError):
                terminal.fail(terminal.problem_of(error))
            else:
                terminal.note(traceback.format_exc())
                terminal.fail(f"the gate itself failed: {error!r}")
        raise typer.Exit(BROKEN) from None
