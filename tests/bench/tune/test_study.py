"""Studies: what a search may vary, and that each fits the rows that share it."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.planning import loading
from bench.planning.presets import resolve
from bench.tune import study as studies
from bench.tune.study import Choices, Range, Study, StudyError
from impls.registry import IMPLEMENTATIONS

SPACE = {"factors": Choices(choices=[2, 4]), "learning_rate": Range(low=0.01, high=1.0, log=True)}


def study(**changes: object) -> Study:
    fields = {"name": "s", "description": "", "implementations": ["numpy_sgd"], "space": SPACE}
    return Study.model_validate(fields | changes)


@pytest.mark.parametrize("name", studies.names())
def test_every_row_of_a_study_has_its_hyperparameters_and_its_default_in_the_space(
    name: str,
) -> None:
    each = studies.read(name)
    defaults = []
    for row in each.implementations:
        kind = loading.load_class(IMPLEMENTATIONS[row])
        settings = {field: str(value) for field, value in each.fixed.items()}
        default = resolve(kind, kind.presets["default"], settings)
        defaults.append(each.standing(default))
        for place in each.first(default):  # a row may refuse what the space holds
            values = {name: str(value) for name, value in place.items()}
            resolve(kind, kind.presets["default"], settings | values)
    assert all(default == defaults[0] for default in defaults), "one search, one set of values"
    models = {loading.load_class(IMPLEMENTATIONS[row]).model for row in each.implementations}
    assert len(models) == 1, "rows of one study are of the same maths"


SEARCHED = {
    "numba_sgd": {"factors": [2, 126], "regularisation": [0.005, 1.0]},
    "autorec": {"based_on": ["item", "user"], "batch_size": [20, 1000]},
    "bayesian_mf": {"factors": [1, 64]},
    "als": {"factors": [1, 128], "regularisation": [0.01, 2.0]},
}
"""What data of other shapes want, which the spaces of MovieLens left out."""


@pytest.mark.parametrize("name", SEARCHED)
def test_spaces_fit_other_shapes_of_data(name: str) -> None:
    space = studies.read(name).space
    for hyperparameter, values in SEARCHED[name].items():
        assert all(space[hyperparameter].place_of(value) is not None for value in values)


def test_epochs_of_a_trial_are_a_ceiling_well_above_the_default() -> None:
    for name in studies.names():
        study = studies.read(name)
        kind = loading.load_class(IMPLEMENTATIONS[study.tuned])
        if (default := resolve(kind, kind.presets["default"], {}).get("epochs")) is not None:
            assert study.fixed["epochs"] >= 2 * default


def test_every_implementation_with_hyperparameters_is_in_one_study() -> None:
    rows = [row for name in studies.names() for row in studies.read(name).implementations]
    assert sorted(rows) == sorted(IMPLEMENTATIONS.keys() - {"global_mean"})


@given(st.integers(0, 100), st.floats(1e-6, 1e3), st.floats(1.01, 1e3), st.booleans())
def test_what_is_suggested_lies_in_the_range(
    seed: int, low: float, factor: float, log: bool
) -> None:
    values = Range(low=low, high=low * factor, log=log)
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
    assert low <= float(values.suggest(trial, "x")) <= low * factor


def test_whole_ends_give_whole_numbers() -> None:
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    assert Range(low=3, high=9).suggest(trial, "n") in list("3456789")


@pytest.mark.parametrize(
    ("default", "message"),
    [
        ({"factors": 2.5, "learning_rate": 0.1}, "default factors = 2.5 of numpy_sgd is not in"),
        ({"factors": 2}, "has no hyperparameter 'learning_rate'"),
        ({"factors": 8, "learning_rate": 0.1}, "default factors = 8 of numpy_sgd is not in"),
        ({"factors": 4, "learning_rate": 2.0}, "default learning_rate = 2.0 of numpy_sgd is not"),
    ],
)
def test_a_space_without_the_default_is_refused(default: dict[str, float], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        study().standing(default)


def test_a_start_has_the_default_where_it_names_nothing() -> None:
    default = {"factors": 2, "learning_rate": 0.1}
    starts = [{"factors": 4}, {"learning_rate": 0.02}]
    assert study(starts=starts).first(default) == [
        {"factors": "2", "learning_rate": 0.1},
        {"factors": "4", "learning_rate": 0.1},
        {"factors": "2", "learning_rate": 0.02},
    ]


def test_other_starts_are_another_search_and_no_starts_the_one_before_there_were_any() -> None:
    assert study(starts=[{"factors": 4}]).suite().name != study().suite().name
    assert study(starts=[]).suite().name == "tune:s#bab5eb"


def test_choices_are_compared_by_value() -> None:
    widths = Choices(choices=[[16], [32, 8]])
    assert widths.place_of((32, 8)) == "[32, 8]"
    assert widths.place_of((8,)) is None
    assert Choices(choices=[5, 10]).place_of(5.0) == "5"
    assert Range(low=1, high=50).place_of(5.5) is None


def test_another_space_is_another_search() -> None:
    wider = {**SPACE, "factors": Choices(choices=[2, 4, 8])}
    assert study().suite().name == study(description="else").suite().name
    assert study().suite().name != study(space=wider).suite().name
    assert study().suite().name != study(fixed={"epochs": 9}).suite().name


def test_another_dataset_is_the_same_search_on_other_data() -> None:
    suite = study().suite("mine.csv")
    assert suite.name == study().suite().name
    assert suite.blocks[0].datasets == ["mine.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("implementations = [", "mine.toml: "),
        ("implementations = []\n[space]\na = {low=1, high=2}", "implementations"),
        ("implementations = ['a']\n[space]\na = {low=2, high=1}", "low must be"),
        ("implementations = ['a']\n[space]\na = {low=0, high=1, log=true}", "low must be"),
        ("implementations = ['a']\nspaces = 1", "space"),
        ("implementations = ['a']\n[space]\na = {choices=[2]}", "space: a: list should have at"),
        ("implementations = ['a']\nfixed={a=1}\n[space]\na={low=1, high=2}", "a: fixed and in"),
        (
            "implementations = ['a']\n[space]\na={low=1, high=2}\n[[starts]]\na=2\n[[starts]]\na=3",
            "start 2: a = 3 is not in the space; widen it or change the start",
        ),
        (
            "implementations = ['a']\n[space]\na={low=1, high=2}\n[[starts]]\nb=2",
            "start 1: b is not searched; add it to the space",
        ),
        ("implementations = ['a']\nstarts=[1]\n[space]\na={low=1, high=2}", "starts: 0: "),
    ],
)
def test_a_study_that_cannot_be_read_is_one_clear_error(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"description = ''\n{text}")
    with pytest.raises(StudyError, match=message):
        studies.read(str(path))


def test_a_row_s_name_leads_to_its_study() -> None:
    with pytest.raises(
        StudyError, match="no study 'numpy_sgd': numpy_sgd is searched by biased_mf"
    ):
        studies.read("numpy_sgd")


def test_for_an_unknown_study_the_known_ones_are_named() -> None:
    with pytest.raises(StudyError, match=r"no study 'nonesuch'\. There are: als, autorec"):
        studies.read("nonesuch")
    with pytest.raises(StudyError, match=r"gone\.toml: cannot be read"):
        studies.read("gone.toml")
