"""The choices of a results folder: their pages and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.choose import FOLDER
from bench.choose.outcome import REQUEST, Outcome, read
from bench.report.files import (
    choice_page_name,
    choice_plot_name,
    generated,
    refuse_to_overwrite,
)
from bench.report.formats import title as title_of
from bench.report.markdown import escaped
from bench.report.pages.choose import choose_page
from bench.report.plots.anytime import anytime_plot
from datasets.atomic import replace_all


def outcomes(out: Path) -> list[Outcome]:
    """By name. Raises ValueError where one cannot be read."""
    found = []
    for path in sorted((out / FOLDER).glob(f"*/{REQUEST}")):
        try:
            found.append(read(path.parent))
        except (OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"{path}: cannot be read: {reason}") from error
    return found


def contents(every: Sequence[Outcome]) -> dict[str, str]:
    """File name of each page -> what is on it."""
    return {
        choice_page_name(
            each.request.name
        ): f"which model for {escaped(title_of(each.request.dataset))}"
        + (f", cut {each.request.cut}" if each.request.cut else "")
        for each in every
    }


def refuse_taken(out: Path, name: str) -> None:
    """Raises ValueError where a file that a report did not write has the name of the page or the
    plot of the choice of this name; OSError."""
    paths = [out / choice_page_name(name), out / choice_plot_name(name)]
    refuse_to_overwrite(paths, generated(out))


def write_choice(out: Path, outcome: Outcome) -> Path:
    """Write the page and the plot of one choice alone; returns the page.

    Raises ValueError where a file that a report did not write has its name; OSError.
    """
    page = out / choice_page_name(outcome.request.name)
    files = {page: choose_page(outcome, out).encode()}
    if plot := anytime_plot(outcome):
        files[out / plot.path] = plot.png()
    refuse_to_overwrite(files.keys(), generated(out))
    replace_all(files)
    return page
