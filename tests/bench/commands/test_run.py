"""Options of `bench run` that would change nothing, its first line, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.cli import app
from tests.support.command_line import MEAN, MISBEHAVING, Bench

OWN = ("run", "--impl", MEAN)
WITHOUT = "--repeat-budget ends repeats for precision, and "


def dry_run(*words: str) -> Result:
    return CliRunner().invoke(app, ["run", "--impl", "bias", *words, "--dry-run"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seeds 3 --repeat-budget 9s", f"{WITHOUT}--seeds alone requests no more: add --prec"),
        ("--suite scale --repeat-budget 9s", f"{WITHOUT}suite 'scale' has none: add --precision"),
        ("--report", "--report writes pages after a run, and --dry-run runs nothing"),
        ("--epochs 3", "--epochs 3 changes no row of bias: none has epochs"),
        ("--impl als --epochs 3 --set als.epochs=2", "--epochs 3 changes no row of als and bias"),
        (
            "--set als.epochs=2 --set als.epochs=3",
            "--set als.epochs=3: als.epochs is 2 already; leave",
        ),
    ],
)
def test_an_option_that_would_change_nothing_is_one_error(
    ratings: Path, words: str, message: str
) -> None:
    dataset = [] if "scale" in words else ["--dataset", str(ratings)]
    done = dry_run(*words.split(), *dataset)
    assert done.exit_code == 2
    assert f"error: {message}" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("--repeat-budget 9s", "1 cell, then repeats until times are known to ±50 % or 9 s a row:"),
        ("--seeds 3 --precision 2%", "3 cells, then repeats until times are known to ±2 % or 28 s"),
        ("--seeds 3", "3 cells: "),
        ("--split 5-fold --precision 5%", "1 cell, then repeats until "),
        ("--impl als --epochs 3", "2 cells, then repeats"),
    ],
)
def test_a_plan_says_whether_repeats_follow(ratings: Path, words: str, first: str) -> None:
    done = dry_run(*words.split(), "--dataset", str(ratings))
    assert done.exit_code == 0, done.output
    assert first in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "names"), [("--impl als", "bias"), ("--impl als --impl blend", "bias and blend")]
)
def test_rows_that_epochs_leave_as_they_are_are_named(
    ratings: Path, words: str, names: str
) -> None:
    done = dry_run(*words.split(), "--epochs", "3", "--dataset", str(ratings))
    assert done.exit_code == 0, done.output
    assert f"--epochs 3 does not change {names}: " in " ".join(done.stderr.split())


def test_a_row_that_diverged_is_a_result_unless_no_row_has_a_figure(
    command: Bench, ratings: Path
) -> None:
    diverges = f"{MISBEHAVING}:NotANumber"
    words = ("--dataset", str(ratings), "--seeds", "1")
    alone = command("run", "--impl", diverges, *words)
    assert alone.returncode == 1
    assert "error: no row of this run has a figure" in alone.stderr
    assert "diverged" in alone.stdout
    assert command(*OWN, diverges, *words).returncode == 0
    # Recorded figures count as well as new ones.
    assert command(*OWN, *words).returncode == 0
