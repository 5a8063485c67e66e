"""What to do next with the model that a choice recommends: lines of Python, and a command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path, PurePath

from bench.choose.outcome import Outcome, final_hyperparameters
from bench.choose.recommendation import Candidate, Recommendation
from bench.planning.loading import ImplementationError, class_path_of
from bench.report.formats import out_option
from bench.report.markdown import escaped
from datasets.reading.layout import AS_DETECTED, Layout


def predict_command(outcome: Outcome, out: Path) -> str:
    """By the recommended model, for a file of pairs."""
    name = shlex.quote(outcome.request.name)
    return f"bench predict --choice {name}{out_option(out)} --pairs pairs.csv --output out.csv"


def next_steps(outcome: Outcome, found: Recommendation, out: Path) -> list[str]:
    """The lines that fit the chosen model on the whole file and predict."""
    return [
        f"This fits {escaped(found.chosen.name)} on all ratings, with the hyperparameters that "
        "were chosen, and predicts. Run it by the Python that has ratebench (`.venv/bin/python` in "
        "a clone), in the folder where `bench choose` ran, or with the path of the ratings from "
        "there:",
        f"```python\n{python_lines(outcome, found.chosen)}\n```",
        "Or for a file of pairs, on the command line:",
        f"```\n{predict_command(outcome, out)}\n```",
    ]


def python_lines(outcome: Outcome, chosen: Candidate) -> str:
    """A script that fits the chosen model on the whole file and predicts two pairs of it."""
    assert chosen.model.best is not None
    plan, data = chosen.model.plan, outcome.data
    imported, name = _imported(plan.implementation)
    read_by = f", {_layout(data.options)}" if data and data.options else ""
    files, load = repr(outcome.request.dataset), "datasets.load"
    if outcome.request.test:
        files, load = f"{files}, {outcome.request.test!r}", "given.load"
    values = final_hyperparameters(chosen.model.best)
    values |= {"device": plan.device} if plan.device != "cpu" else {}
    settings = [f"    {key}={value!r}," for key, value in values.items()]
    return "\n".join(
        [
            "import datasets",
            *(["from datasets import given"] if outcome.request.test else []),
            "from datasets.reading.ids import matched",
            *(["from datasets.reading.layout import Layout"] if read_by else []),
            *imported,
            "",
            f"dataset = {load}({files}{read_by})",
            "ratings = datasets.whole(dataset)",
            *([f"model = {name}(", *settings, ")"] if settings else [f"model = {name}()"]),
            "model.fit(ratings.train)",
            "# Your ids, as texts. One without ratings becomes -1, which no model can predict.",
            "users = matched(dataset.user_ids[:2].astype(str), ratings.user_ids)",
            "items = matched(dataset.item_ids[:2].astype(str), ratings.item_ids)",
            "known = (users >= 0) & (items >= 0)",
            "print(model.predict(users[known], items[known]).clip(*ratings.train.scale))",
        ]
    )


def _imported(implementation: str) -> tuple[list[str], str]:
    """The lines that import a row's class, and its name."""
    file, _, name = implementation.rpartition(":")
    if file.endswith(".py"):
        folder, module = str(PurePath(file).parent), PurePath(file).stem
        found = [] if folder == "." else ["import sys", f"sys.path.append({folder!r})"]
        return [*found, f"from {module} import {name}"], name
    try:
        module, _, name = class_path_of(implementation).partition(":")
    except ImplementationError as error:
        return [f"# Import {implementation} here: {error}"], implementation
    return [f"from {module} import {name}"], name


def _layout(options: Mapping[str, str]) -> str:
    """`Layout(…)` of the options that a file was read with."""
    found = Layout.from_options(options)
    given = {
        field.name: value
        for field in fields(found)
        if (value := getattr(found, field.name)) != getattr(AS_DETECTED, field.name)
    }
    return f"Layout({', '.join(f'{name}={value!r}' for name, value in given.items())})"
