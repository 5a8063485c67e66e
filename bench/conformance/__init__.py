"""The conformance suite: pytest tests that any implementation inherits in four lines.

    from bench.conformance import Conformance

    class TestMine(Conformance):
        implementation = Mine

`subject.Subject` lists what else a class may set.
"""

try:
    import pytest
except ModuleNotFoundError as error:
    raise ImportError("bench.conformance needs pytest: `pip install pytest`") from error

MODULES = ("accuracy", "edges", "epochs", "predictions", "repeatability")
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in MODULES))

# ruff: noqa: E402 - pytest must know of the asserts before they are imported
from bench.conformance.accuracy import Accuracy
from bench.conformance.edges import Edges
from bench.conformance.epochs import Epochs
from bench.conformance.predictions import Predictions
from bench.conformance.repeatability import Repeatability

__all__ = ["Conformance"]


class Conformance(Accuracy, Epochs, Edges, Predictions, Repeatability):
    """Tests that an implementation keeps its protocol; pytest runs the last base class first."""
