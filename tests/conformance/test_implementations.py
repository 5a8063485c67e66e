"""Every implementation in the registry, held to the protocol."""

# ruff: noqa: RUF012 - `base.Subject` declares the dicts as class variables
from __future__ import annotations

import pytest

from impls.als import ALS
from impls.autograd_mf import AutogradMF
from impls.autorec import AutoRec
from impls.bayesian_mf import BayesianMF
from impls.bias import Bias
from impls.embedding_mf import EmbeddingMF
from impls.global_mean import GlobalMean
from impls.ncf import NCF
from impls.numba_sgd import NumbaSGD
from impls.numpy_sgd import NumpySGD
from impls.numpy_sgd_strata import NumpySGDStrata
from impls.registry import IMPLEMENTATIONS
from impls.sparse_embedding_mf import SparseEmbeddingMF
from impls.triton_sgd import TritonSGD
from tests.conformance import test_peers  # noqa: F401 - its classes are counted below
from tests.conformance.suite import Conformance


class TestGlobalMean(Conformance):
    implementation = GlobalMean
    presets = ("default",)
    rmse = {"synthetic": (0.80, 0.82), "ml-100k": (1.127, 1.130)}


class TestBias(Conformance):
    implementation = Bias
    presets = ("default", "published", "surprise")
    rmse = {"synthetic": (0.595, 0.615), "ml-100k": (0.940, 0.943)}
    biases_alone = {"user_damping": 0.0, "item_damping": 0.0}
    held_back = {"user_damping": 1e6, "item_damping": 1e6}


class TestNumpySGD(Conformance):
    implementation = NumpySGD
    presets = ("default", "published", "surprise")
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.900, 0.912)}
    small = {"factors": 8, "std": 0.1}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 1.0}


class TestAutogradMF(Conformance):
    implementation = AutogradMF
    presets = ("default", "published")
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.967, 0.977)}
    on_ml_100k = {"epochs": 1}  # what more of them make is `TestNumpySGD`'s, by parity
    small = {"factors": 8, "std": 0.1}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 1.0}


class TestSparseEmbeddingMF(Conformance):
    implementation = SparseEmbeddingMF
    presets = ("default", "published")
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.900, 0.912)}
    small = {"factors": 8, "std": 0.1, "batch_size": 16}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 1.0}


class TestEmbeddingMF(Conformance):
    implementation = EmbeddingMF
    presets = ("default", "published", "d2l")
    rmse = {"synthetic": (0.35, 0.375), "ml-100k": (0.903, 0.915)}
    small = {"factors": 8, "std": 0.1, "batch_size": 16, "learning_rate": 0.01}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 5.0}


class TestAutoRec(Conformance):
    implementation = AutoRec
    presets = ("default", "user", "published", "published-user")
    rmse = {"synthetic": (0.40, 0.435), "ml-100k": (0.876, 0.889)}
    small = {
        "hidden": 20,
        "dropout": 0.1,
        "regularisation": 20.0,
        "batch_size": 5,
        "learning_rate": 0.01,
    }
    free = {"dropout": 0.0, "epochs": 60, "regularisation": 0.0}
    forms = {
        "item": {},
        "user": {"based_on": "user", "presence": 0.0, "epochs": 120, "decay": 1.0},
    }
    held_back = {"regularisation": 1e4}


class TestNCF(Conformance):
    implementation = NCF
    presets = ("default", "published", "published-binary", "embedding-net")
    rmse = {"synthetic": (0.335, 0.37), "ml-100k": (0.901, 0.913)}
    small = {
        "architecture": "neumf",
        "embedding": 16,
        "hidden": (16,),
        "gmf_factors": 8,
        "embedding_dropout": 0.1,
        "dropouts": (0.1,),
        "epochs": 15,
        "batch_size": 16,
        "learning_rate": 0.005,
        "decay": 0.85,
        "weight_decay": 1e-5,
    }
    free = {
        "embedding_dropout": 0.0,
        "dropouts": (0.0,),
        "epochs": 40,
        "decay": 0.95,
        "weight_decay": 0.0,
    }
    forms = {
        "neumf": {},
        "mlp": {"architecture": "mlp", "initialisation": "uniform"},
        "gmf": {"architecture": "gmf"},
    }
    held_back = {"weight_decay": 1.0}


class TestNumpySGDStrata(Conformance):
    implementation = NumpySGDStrata
    presets = ("default",)
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.900, 0.912)}
    small = {"factors": 8, "std": 0.1}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 1.0}


class TestNumbaSGD(Conformance):
    implementation = NumbaSGD
    presets = ("default", "fast")
    rmse = {"synthetic": (0.385, 0.43), "ml-100k": (0.899, 0.911)}
    small = {"factors": 6, "std": 0.1, "learning_rate": 0.04, "decay": 0.8, "regularisation": 0.06}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 1.0}


@pytest.mark.cuda
class TestTritonSGD(Conformance):
    """Without a device `test_triton` holds it to its maths, in Triton's interpreter."""

    implementation = TritonSGD
    presets = ("default",)
    rmse = {"synthetic": (0.385, 0.43), "ml-100k": (0.899, 0.911)}
    small = {"factors": 6, "std": 0.1, "learning_rate": 0.04, "decay": 0.8, "regularisation": 0.06}
    free = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 1.0}


class TestALS(Conformance):
    implementation = ALS
    presets = ("default",)
    rmse = {"synthetic": (0.35, 0.37), "ml-100k": (0.910, 0.922)}
    small = {"factors": 4}
    free = {"epochs": 40, "regularisation": 1e-4}
    biases_alone = {"factors": 0}
    held_back = {"regularisation": 5.0}


class TestBayesianMF(Conformance):
    implementation = BayesianMF
    presets = ("default",)
    rmse = {"synthetic": (0.33, 0.355), "ml-100k": (0.889, 0.901)}
    small = {"factors": 4, "epochs": 40, "burn_in": 1}
    free = {"epochs": 60}
    biases_alone = {"factors": 0}


def test_every_registered_implementation_is_held_to_the_protocol() -> None:
    tested = {kind.implementation for kind in Conformance.__subclasses__()}
    assert {f"{kind.__module__}:{kind.__qualname__}" for kind in tested} >= set(
        IMPLEMENTATIONS.values()
    )
