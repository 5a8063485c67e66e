"""What to do next with the model that a choice recommends: lines of Python, and a command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from bench.choose.outcome import Outcome, final_hyperparameters
from bench.choose.recommendation import Candidate, Recommendation
from bench.report.formats import out_option
from bench.report.markdown import escaped
from datasets.reading.layout import AS_DETECTED, Layout
from impls.registry import IMPLEMENTATIONS


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
    module, _, name = IMPLEMENTATIONS.get(plan.implementation, "").partition(":")
    read_by = f", {_layout(data.options)}" if data and data.options else ""
    files, load = repr(outcome.request.dataset), "datasets.load"
    if outcome.request.test:
        files, load = f"{files}, {outcome.request.test!r}", "given.load"
    values = final_hyperparameters(chosen.model.best)
    if not name:  # its defaults may be others
        values |= {"device": plan.device, "seed": 0}
    elif plan.device != "cpu":
        values |= {"device": plan.device}
    if name:
        row = [f"from {module} import {name}"]
        settings = [f"    {key}={value!r}," for key, value in values.items()]
    else:  # a file of one's own, or a plugin: by its name, as `bench` finds it
        name = "Row"
        row = ["from bench.planning import loading"]
        row += [f"{name} = loading.load_class(loading.class_path_of({plan.implementation!r}))"]
        settings = [f"    **loading.restored({name}, {values!r})"] if values else []
    return "\n".join(
        [
            "import datasets",
            *(["from datasets import given"] if outcome.request.test else []),
            "from datasets.reading.ids import matched",
            *(["from datasets.reading.layout import Layout"] if read_by else []),
            *row,
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


def _layout(options: Mapping[str, str]) -> str:
    """`Layout(…)` of the options that a file was read with."""
    found = Layout.from_options(options)
    given = {
        field.name: value
        for field in fields(found)
        if (value := getattr(found, field.name)) != getattr(AS_DETECTED, field.name)
    }
    return f"Layout({', '.join(f'{name}={value!r}' for name, value in given.items())})"
