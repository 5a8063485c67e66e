"""A study that several tests search, and the default that it begins with."""

from __future__ import annotations

from bench.tune.study import Choices, Range, Study

STUDY = Study(
    name="s",
    description="",
    implementations=["numpy_sgd"],
    fixed={"epochs": 7},
    space={"factors": Choices(choices=[2, 4]), "rate": Range(low=0.001, high=1.0, log=True)},
)
DEFAULT = {"factors": 2, "rate": 0.5, "epochs": 3}
