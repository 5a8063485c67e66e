"""What `bench choose` reached on its own beside a published search over many algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.choose.outcome import Outcome, validation_rmse
from bench.choose.recommendation import NEAR, Candidate, Recommendation, recommend
from bench.report.files import choice_page_name
from bench.report.formats import error, listed, signed
from bench.report.grouping import grouped
from bench.report.markdown import escaped, markdown_table
from bench.report.sentences import caption
from bench.report.tables import Column
from bench.stats import Interval, mean_interval

SPLIT = "random:75/25"
"""Of the final runs: that of the publication, on cuts of our own."""

ABOUT = f"""\
Published: arXiv 2402.04453, Auto-Surprise and the lowest of 60 algorithms, with up to 4 hours \
each, on one 75/25 cut. The lowest is by the test part, and some of the 60 use side information. \
Ours: `bench choose --split random:75/25`, all models together in the minutes of the column, a \
search a cut (`--cut`); each model's best configuration is fitted on the training and validation \
parts together, and scored on the test part, mean over its seeds. Lowest on validation: of the \
model that has the lowest validation RMSE, so that nothing is chosen by the test part. \
Recommended: of the model that the choice ends with, the quickest of those not separable from the \
most accurate on the test part and at most {100 * NEAR:g} % above it. Both have a final run of \
each seed; where the minutes were over before all final runs, others may lack some. Both are means \
over the cuts ± their 95 % t interval. Difference: lowest on validation less Auto-Surprise. The \
cuts are not those of the publication, and defaults and starts of our searches are from \
validation parts of the same sets: of other cuts, whose validation ratings may be test ratings \
here."""


@dataclass(frozen=True)
class Published:
    """Test RMSEs on one set of ratings."""

    title: str
    auto_surprise: float
    lowest: float


PUBLISHED = {
    "ml-100k": Published("MovieLens 100K", 0.9207, 0.9104),
    "ml-1m": Published("MovieLens 1M", 0.8631, 0.8556),
    "ml-latest-small": Published("MovieLens latest small", 0.8596, 0.8180),
}
"""arXiv 2402.04453, by name in the catalog."""


@dataclass(frozen=True)
class Beside:
    """A published search, and the choices on the same set, one a cut."""

    published: Published
    choices: Sequence[tuple[Outcome, Recommendation]]

    @property
    def by_validation(self) -> Interval:
        """Test RMSE of the model with the lowest validation RMSE, over the cuts."""
        return mean_interval(_by_validation(found).rmse.value for _, found in self.choices)

    @property
    def recommended(self) -> Interval:
        return mean_interval(found.chosen.rmse.value for _, found in self.choices)

    @property
    def difference(self) -> float:
        return self.by_validation.value - self.published.auto_surprise

    @property
    def minutes(self) -> str:
        return listed(sorted({f"{outcome.request.minutes:g}" for outcome, _ in self.choices}))

    @property
    def links(self) -> str:
        """What each cut recommends, as Markdown."""
        named = [
            f"[cut {outcome.request.cut}]({choice_page_name(outcome.request.name)}) "
            f"{escaped(found.chosen.name)}"
            for outcome, found in self.choices
        ]
        return f"- {self.published.title}, recommended: {', '.join(named)}"


def choices_beside_published(choices: Sequence[Outcome]) -> list[str]:
    """The section's paragraphs; [] where no complete choice is on a published set and split."""
    rows = list(_beside(choices))
    if not rows:
        return []
    return [
        "## Searches for a model",
        ABOUT,
        markdown_table(COLUMNS, rows),
        "\n".join(it.links for it in rows),
        *filter(None, [_defaults(rows)]),
        *_captions(rows),
    ]


def _defaults(rows: Sequence[Beside]) -> str:
    """How many of the searches found what was known before they began; "" for none."""
    lowest = [_by_validation(found).model for it in rows for _, found in it.choices]
    n = sum(model.best is not None and model.best.number == 0 for model in lowest)
    if not n:
        return ""
    return (
        f"In {n} of {len(lowest)} searches the model with the lowest validation RMSE has its "
        "default hyperparameters. There the difference is one of models and of defaults, which "
        "were chosen on these sets; it does not show which search is better."
    )


def _captions(rows: Sequence[Beside]) -> Iterator[str]:
    """A paragraph a machine: the cuts that it ran, and what must stand beside their figures."""
    runs = [
        (f"{it.published.title} cut {outcome.request.cut}", record)
        for it in rows
        for outcome, _ in it.choices
        for model in outcome.models
        for record in model.best_runs
    ]
    for machine, of_machine in grouped(runs, lambda run: run[1].environment.machine).items():
        cuts = listed(list(dict.fromkeys(cut for cut, _ in of_machine)))
        records = sorted((record for _, record in of_machine), key=lambda it: it.started_at)
        yield f"{cuts}: machine {escaped(machine)}, {caption(records)}"


def _beside(choices: Sequence[Outcome]) -> Iterator[Beside]:
    found = [
        (outcome, recommended)
        for outcome in sorted(choices, key=lambda each: each.request.cut)
        if outcome.request.final_split == SPLIT
        and outcome.request.ended
        and (recommended := recommend(outcome))
        and _has_all_runs(outcome, recommended)
    ]
    by_set = grouped(found, lambda each: each[0].request.dataset)
    for name, published in PUBLISHED.items():
        if of_set := by_set.get(name):
            yield Beside(published, of_set)


def _has_all_runs(outcome: Outcome, found: Recommendation) -> bool:
    """Whether the models that the table shows have a final run of each seed."""
    shown = (found.chosen, _by_validation(found))
    return all(len(it.runs) == outcome.request.seeds for it in shown)


def _by_validation(found: Recommendation) -> Candidate:
    """The model whose best configuration has the lowest validation RMSE."""
    return min(found.candidates, key=lambda it: validation_rmse(it.model.best))


COLUMNS: list[Column[Beside]] = [
    Column("data", lambda it: it.published.title, align="left"),
    Column("Auto-Surprise", lambda it: it.published.auto_surprise, "{:.4f}".format),
    Column("lowest of 60", lambda it: it.published.lowest, "{:.4f}".format),
    Column("ours, lowest on validation", lambda it: it.by_validation, error),
    Column("ours, recommended", lambda it: it.recommended, error),
    Column("difference", lambda it: it.difference, signed),
    Column("cuts", lambda it: len(it.choices)),
    Column("minutes a cut", lambda it: it.minutes),
]
