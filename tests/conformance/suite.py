"""The whole suite, for an implementation to inherit."""

from __future__ import annotations

from tests.conformance.accuracy import Learns
from tests.conformance.edges import MeetsEdges
from tests.conformance.epochs import TrainsByEpochs
from tests.conformance.predictions import Predicts
from tests.conformance.repeatability import Repeatable


class Conformance(Learns, TrainsByEpochs, MeetsEdges, Predicts, Repeatable):
    """Holds an implementation to its protocol. A new one gets all of it by four lines:

        class TestMine(Conformance):
            implementation = Mine
            presets = ("default",)
            rmse = {"synthetic": (0.45, 0.50), "ml-100k": (0.89, 0.92)}

    `base.Subject` says what else a class may say of itself. pytest runs the last base first.
    """
