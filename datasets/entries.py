"""The datasets that have a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from datasets.synthetic import RECIPES

GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
IMPLICIT = "ml-100k-implicit"
STEPS = ("1/10 to the floor", "3/10 to the floor", "6/10 to the floor")
"""Goal RMSEs of a synthetic set: how far they are from the bias model's RMSE to the floor."""


@dataclass(frozen=True)
class Entry:
    """A dataset with a name.

    scale        lowest and highest rating; None takes those of the ratings
    goals        goal RMSEs on validation, easiest first -> a model that about reaches it
    member       path of the ratings in GroupLens' archive; empty for a set without one
    checksum     of the archive, "sha256:…" or "md5:…"; None where it changes over time
    fingerprint  of the ratings, where it is known: the same for any container
    folds        whether there are official folds u1 … u5 beside the ratings
    """

    name: str
    description: str = ""
    scale: tuple[float, float] | None = (0.5, 5.0)
    goals: Mapping[float, str] = field(default_factory=dict)
    member: str = ""
    checksum: str | None = None
    fingerprint: str | None = None
    folds: bool = False

    @property
    def archive(self) -> str:
        """GroupLens' name of the archive; empty where there is none."""
        return f"{self.name}.zip" if self.member else ""

    @property
    def url(self) -> str:
        """The archive's URL; empty for a generated dataset."""
        return GROUPLENS + self.archive if self.archive else ""


def _synthetic(name: str, size: str, goals: tuple[float, ...] = ()) -> Entry:
    return Entry(
        name,
        f"generated from a seed, with a known floor: {size}",
        scale=RECIPES[name].taste.scale,
        goals=dict(zip(goals, STEPS, strict=bool(goals))),
    )


CATALOG: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "ml-100k",
            "MovieLens 100K: 100,000 ratings by 943 users of 1,682 films, 1998",
            scale=(1.0, 5.0),
            goals={0.946: "bias", 0.937: "Surprise SVD", 0.915: "tuned MF", 0.900: "Bayesian MF"},
            member="ml-100k/u.data",
            checksum="sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
            fingerprint="3b34862a5a17a330a19d5fb8cda5988f24389598114cc4b663e1d03eae874eae",
            folds=True,
        ),
        Entry(
            "ml-1m",
            "MovieLens 1M: 1,000,209 ratings by 6,040 users of 3,706 films, 2003",
            scale=(1.0, 5.0),
            goals={0.909: "bias", 0.873: "Surprise SVD", 0.860: "tuned MF", 0.845: "Bayesian MF"},
            member="ml-1m/ratings.dat",
            checksum="sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
            fingerprint="d095e39bb059b2a226a1b63b62b6be8cf647ceda5b4c12102c5d1b8bf511ef41",
        ),
        Entry(
            "ml-10m",
            "MovieLens 10M: 10,000,054 ratings by 69,878 users of 10,677 films, 2009",
            member="ml-10M100K/ratings.dat",
            checksum="sha256:813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862",
        ),
        Entry(
            "ml-25m",
            "MovieLens 25M: 25,000,095 ratings by 162,541 users of 59,047 films, 2019",
            member="ml-25m/ratings.csv",
            checksum="md5:6b51fb2759a8657d3bfcbfc42b592ada",
        ),
        Entry(
            "ml-latest-small",
            "MovieLens latest, small: about 100,000 ratings; changes over time",
            member="ml-latest-small/ratings.csv",
        ),
        Entry(
            IMPLICIT,
            "every user and item of ml-100k: 1 where rated, else 0; 1,586,126 pairs",
            scale=(0.0, 1.0),
        ),
        # Goals: the STEPS from the validation RMSE of a regularised bias model
        # (random:80/10/10, seed 0) down to the floor.
        _synthetic("synthetic-100k", "943 users, 1,682 items", (0.930, 0.911, 0.882)),
        _synthetic("synthetic-1m", "6,040 users, 3,706 items", (0.924, 0.905, 0.876)),
        _synthetic("synthetic-10m", "69,878 users, 10,677 items", (0.922, 0.905, 0.880)),
        _synthetic("synthetic-25m", "162,541 users, 59,047 items", (0.919, 0.902, 0.875)),
        _synthetic("synthetic-100m", "650,164 users, 236,188 items", (0.921, 0.903, 0.876)),
        # Other shapes, without goals, as a file of one's own is.
        _synthetic("synthetic-jokes", "−10 to 10 and dense; 4,000 users, 100 items"),
        _synthetic("synthetic-books", "1 to 10 and 99.9 % empty; 12,000 users, 8,000 items"),
        _synthetic("synthetic-half-stars", "0.5 to 5, 35,000 ratings; 1,500 users, 2,000 items"),
        _synthetic("synthetic-clicks", "0 or 1; 2,000 users, 1,000 items"),
    )
}
