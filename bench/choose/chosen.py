"""The model that a choice ends with, as `bench predict --choice` fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.choose import FOLDER
from bench.choose.outcome import REQUEST, Outcome, final_hyperparameters, read
from bench.choose.recommendation import names, recommend
from bench.planning.rerun import normalised


class ChoiceError(Exception):
    """No such choice, or none that says what to use."""


@dataclass(frozen=True)
class Chosen:
    """A row at the hyperparameters that the search found, and its ratings.

    options      that their file was read with, as `bench.records.Data` has them
    test         the path of a second file of them, by which the choice was tested; "" for none
    fingerprint  of the ratings that the search had
    source       digest of the row's source in the best trial; "" where none is recorded
    """

    implementation: str
    device: str
    hyperparameters: Mapping[str, object]
    dataset: str
    options: Mapping[str, str]
    fingerprint: str
    test: str = ""
    source: str = ""


def chosen(choice: str, out: Path, name: str | None = None) -> Chosen:
    """What a choice recommends; its best configuration of the row `name`, where that is given.

    choice  its name under `out`, or the path of its folder. Raises ChoiceError
    """
    outcome = _outcome(choice, out)
    models = names(outcome)
    if name is None:
        if (found := recommend(outcome)) is None:
            more = "with more minutes it runs" if outcome.request.ended else "goes on"
            raise ChoiceError(
                f"choice {choice} has no test score yet: the same `bench choose` {more}; or name "
                "a row of it by --impl"
            )
        name = found.chosen.name
    known = {normalised(each): each for each in models}
    if normalised(name) not in known:
        raise ChoiceError(f"choice {choice} has no {name}; it has {', '.join(models)}")
    model = models[known[normalised(name)]]
    if model.best is None:
        raise ChoiceError(f"choice {choice}: no trial of {name} has a result")
    record = model.best.record
    return Chosen(
        model.plan.implementation,
        model.plan.device,
        final_hyperparameters(model.best),
        outcome.request.dataset,
        record.data.options,
        outcome.request.fingerprint,
        outcome.request.test,
        record.source.implementation_hash,
    )


def _outcome(choice: str, out: Path) -> Outcome:
    for folder in (out / FOLDER / choice, Path(choice)):
        if (folder / REQUEST).is_file():
            try:
                return read(folder)
            except (OSError, ValueError) as error:
                reason = str(error).partition("\n")[0]
                raise ChoiceError(f"{folder / REQUEST} cannot be read: {reason}") from error
    known = sorted(path.parent.name for path in (out / FOLDER).glob(f"*/{REQUEST}"))
    there = f"There are: {', '.join(known)}" if known else "There is none: `bench choose` makes one"
    raise ChoiceError(f"no choice {choice} in {out / FOLDER}. {there}")
