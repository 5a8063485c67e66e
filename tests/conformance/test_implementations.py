"""Every implementation in the registry, held to the protocol."""

from __future__ import annotations

from impls.autograd_mf import AutogradMF
from impls.autorec import AutoRec
from impls.bias import Bias
from impls.embedding_mf import EmbeddingMF
from impls.global_mean import GlobalMean
from impls.ncf import NCF
from impls.numpy_sgd import NumpySGD
from impls.registry import IMPLEMENTATIONS
from impls.sparse_embedding_mf import SparseEmbeddingMF
from tests.conformance.suite import Conformance

_PER_RATING = {"factors": 8, "std": 0.1}
_FREE = {"factors": 8, "epochs": 60, "decay": 1.0, "regularisation": 0.0}


class TestGlobalMean(Conformance):
    implementation = GlobalMean
    presets = ("default",)
    rmse = {"synthetic": (0.8, 1.2), "ml-100k": (1.12, 1.14)}


class TestBias(Conformance):
    implementation = Bias
    presets = ("default", "published", "surprise")
    rmse = {"synthetic": (0.5, 0.9), "ml-100k": (0.935, 0.946)}
    held_back = {"user_damping": 1e6, "item_damping": 1e6}


class TestNumpySGD(Conformance):
    implementation = NumpySGD
    presets = ("default", "published")
    rmse = {"synthetic": (0.3, 0.9), "ml-100k": (0.900, 0.915)}
    small = {"factors": 8, "std": 0.1}
    free = {"epochs": 60, "decay": 1.0, "regularisation": 0.0}
    held_back = {"regularisation": 5.0}


class TestAutogradMF(Conformance):
    implementation = AutogradMF
    presets = ("default", "published")
    rmse = {"synthetic": (0.3, 0.9)}
    small = {"factors": 8, "std": 0.1}
    free = {"epochs": 60, "decay": 1.0, "regularisation": 0.0}
    held_back = {"regularisation": 5.0}


class TestSparseEmbeddingMF(Conformance):
    implementation = SparseEmbeddingMF
    presets = ("default", "published")
    rmse = {"synthetic": (0.3, 0.9), "ml-100k": (0.900, 0.915)}
    small = {"factors": 8, "std": 0.1, "batch_size": 8}
    free = {"epochs": 60, "decay": 1.0, "regularisation": 0.0}
    held_back = {"regularisation": 5.0}


class TestEmbeddingMF(Conformance):
    implementation = EmbeddingMF
    presets = ("default", "published")
    rmse = {"synthetic": (0.3, 0.9), "ml-100k": (0.900, 0.915)}
    small = {"factors": 8, "batch_size": 32}
    free = {"epochs": 60, "decay": 1.0, "regularisation": 0.0}
    held_back = {"regularisation": 5.0}


class TestAutoRec(Conformance):
    implementation = AutoRec
    presets = ("default", "user", "published")
    rmse = {"synthetic": (0.3, 0.9), "ml-100k": (0.875, 0.912)}
    small = {"hidden": 50, "batch_size": 10, "dropout": 0.1}
    free = {"epochs": 60, "decay": 1.0, "regularisation": 0.0}
    held_back = {"regularisation": 1e4}


class TestNCF(Conformance):
    implementation = NCF
    presets = ("default", "published", "published-binary", "embedding-net")
    rmse = {"synthetic": (0.3, 0.9), "ml-100k": (0.895, 0.93)}
    small = {"batch_size": 32}
    free = {"epochs": 100, "decay": 1.0, "weight_decay": 0.0, "embedding_dropout": 0.0, "dropouts": (0.0, 0.0)}
    held_back = {"weight_decay": 1.0}


def test_every_registered_implementation_is_held_to_the_protocol() -> None:
    tested = {kind.implementation for kind in Conformance.__subclasses__()}
    assert {f"{kind.__module__}:{kind.__qualname__}" for kind in tested} == set(
        IMPLEMENTATIONS.values()
    )
