"""Equal inputs give equal models, bit for bit, and are not changed."""

from __future__ import annotations

import dataclasses

import numpy as np

from bench.conformance.ratings import all_pairs, low_rank, tiny
from bench.conformance.subject import Subject
from datasets.ratings import Ratings
from impls.protocol import attributes_of


class Repeatability(Subject):
    def test_same_seed_same_result(self) -> None:
        one, other = (self.quick(seed=5).fit(tiny()) for _ in range(2))
        pairs = all_pairs(tiny())
        assert np.array_equal(one.predict(*pairs), other.predict(*pairs))

    def test_another_seed_is_another_result_unless_nothing_is_drawn(self) -> None:
        one, other = (self.quick(seed=seed).fit(tiny()) for seed in (5, 6))
        pairs = all_pairs(tiny())
        same = np.array_equal(one.predict(*pairs), other.predict(*pairs))
        assert same != self.has_epochs

    def test_fitting_again_is_fitting_afresh(self) -> None:
        """Neither a first fit on other ratings nor one on the same leaves a trace."""
        other = low_rank(20, 50, 400, noise=0.0, seed=9)[0]
        fresh = self.quick().fit(tiny())
        again = self.quick().fit(other).fit(tiny()).fit(tiny())
        pairs = all_pairs(tiny())
        assert np.array_equal(fresh.predict(*pairs), again.predict(*pairs))

    def test_fit_and_predict_do_not_change_their_input(self) -> None:
        # Ratings have read-only views, here of arrays that can be written to.
        users, items, values = tiny().users.copy(), tiny().items.copy(), tiny().values.copy()
        train = Ratings(users, items, values, tiny().n_users, tiny().n_items, tiny().scale)
        requested = all_pairs(tiny())
        self.quick().fit(train).predict(*requested)
        after = (users, items, values, *requested)
        before = (tiny().users, tiny().items, tiny().values, *all_pairs(tiny()))
        assert all(map(np.array_equal, after, before))

    def test_fit_changes_no_hyperparameter(self) -> None:
        model, untouched = self.quick(), self.quick()
        model.fit(tiny())
        names = [field.name for field in dataclasses.fields(self.implementation)]
        assert all(getattr(model, name) == getattr(untouched, name) for name in names)
        learnt = attributes_of(model).keys() - set(names)
        assert learnt
        assert all(name.endswith("_") or name.startswith("_") for name in learnt)
