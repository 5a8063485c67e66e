"""Every implementation in the registry passes the conformance suite.

A third-party library that is not installed is skipped. On one thread, as here, each repeats bit
for bit. On more, Cornac's threads race for the rows that they share and LIBMF's for blocks, so no
two of their fits are quite equal, and nothing requires them to be.
"""

# ruff: noqa: RUF012 - `Subject` declares the dicts as class variables
from __future__ import annotations

import pytest

from bench.conformance import Conformance
from impls.als import ALS
from impls.autograd_mf import AutogradMF
from impls.autorec import AutoRec
from impls.bayesian.bayesian_mf import BayesianMF
from impls.bayesian.bayesian_ordinal import BayesianOrdinal
from impls.bayesian.bayesian_svdpp import BayesianSVDpp
from impls.bias import Bias
from impls.blend import Blend
from impls.embedding_mf import EmbeddingMF
from impls.global_mean import GlobalMean
from impls.ncf import NCF
from impls.numba_sgd import NumbaSGD
from impls.numpy_sgd import NumpySGD
from impls.numpy_sgd_strata import NumpySGDStrata
from impls.peers.cmfrec_als import CmfrecALS
from impls.peers.cornac_mf import CornacMF
from impls.peers.libmf_sgd import LibmfSGD
from impls.peers.myfm_gibbs import MyFMGibbs
from impls.peers.spark_als import SparkALS
from impls.peers.surprise_svd import SurpriseSVD
from impls.registry import IMPLEMENTATIONS
from impls.sparse_embedding_mf import SparseEmbeddingMF
from impls.sparse_fc import SparseFC
from impls.triton_sgd import TritonSGD


class TestGlobalMean(Conformance):
    implementation = GlobalMean
    rmse = {"synthetic": (0.80, 0.82), "ml-100k": (1.127, 1.130)}


class TestBias(Conformance):
    implementation = Bias
    rmse = {"synthetic": (0.595, 0.615), "ml-100k": (0.940, 0.943)}
    biases_alone = {"user_damping": 0.0, "item_damping": 0.0}
    overregularised = {"user_damping": 1e6, "item_damping": 1e6}


class TestNumpySGD(Conformance):
    implementation = NumpySGD
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.900, 0.912)}
    small = {"factors": 8, "std": 0.1}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 1.0}


class TestAutogradMF(Conformance):
    implementation = AutogradMF
    rmse = {"synthetic": (0.405, 0.43)}  # by parity ml-100k is tested by `TestNumpySGD`
    small = {"factors": 8, "std": 0.1}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 1.0}


class TestSparseEmbeddingMF(Conformance):
    implementation = SparseEmbeddingMF
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.900, 0.912)}
    small = {"factors": 8, "std": 0.1, "batch_size": 16}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 1.0}


class TestEmbeddingMF(Conformance):
    implementation = EmbeddingMF
    rmse = {"synthetic": (0.35, 0.375), "ml-100k": (0.903, 0.915)}
    small = {"factors": 8, "std": 0.1, "batch_size": 16, "learning_rate": 0.01}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 5.0}


class TestAutoRec(Conformance):
    implementation = AutoRec
    rmse = {"synthetic": (0.40, 0.435), "ml-100k": (0.876, 0.889)}
    small = {
        "hidden": 20,
        "dropout": 0.1,
        "regularisation": 20.0,
        "batch_size": 5,
        "learning_rate": 0.01,
    }
    unregularised = {"dropout": 0.0, "epochs": 60, "regularisation": 0.0}
    variants = {
        "item": {},
        "user": {"based_on": "user", "presence": 0.0, "epochs": 120, "decay": 1.0},
    }
    overregularised = {"regularisation": 1e4}


class TestSparseFC(Conformance):
    implementation = SparseFC
    rmse = {"synthetic": (0.355, 0.39), "ml-100k": (0.880, 0.893)}
    on_ml_100k = {"epochs": 20}
    small = {"hidden": 10, "regularisation": 0.5}
    unregularised = {"epochs": 60, "regularisation": 0.0, "sparsity": 0.0}
    overregularised = {"regularisation": 1e4}


class TestNCF(Conformance):
    implementation = NCF
    rmse = {"synthetic": (0.335, 0.37), "ml-100k": (0.901, 0.913)}
    on_ml_100k = {"epochs": 10}  # the best of the default's 30 is hardly lower
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
    unregularised = {
        "embedding_dropout": 0.0,
        "dropouts": (0.0,),
        "epochs": 40,
        "decay": 0.95,
        "weight_decay": 0.0,
    }
    variants = {
        "neumf": {},
        "mlp": {"architecture": "mlp", "initialisation": "uniform"},
        "gmf": {"architecture": "gmf"},
    }
    overregularised = {"weight_decay": 1.0}


class TestNumpySGDStrata(Conformance):
    implementation = NumpySGDStrata
    rmse = {"synthetic": (0.405, 0.43), "ml-100k": (0.900, 0.912)}
    small = {"factors": 8, "std": 0.1}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 1.0}


class TestNumbaSGD(Conformance):
    implementation = NumbaSGD
    rmse = {"synthetic": (0.385, 0.43), "ml-100k": (0.899, 0.911)}
    small = {"factors": 6, "std": 0.1, "learning_rate": 0.04, "decay": 0.8, "regularisation": 0.06}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 1.0}


@pytest.mark.cuda
class TestTritonSGD(Conformance):
    """Without a device `test_triton` checks its maths, in Triton's interpreter."""

    implementation = TritonSGD
    rmse = {"synthetic": (0.385, 0.43), "ml-100k": (0.899, 0.911)}
    small = {"factors": 6, "std": 0.1, "learning_rate": 0.04, "decay": 0.8, "regularisation": 0.06}
    unregularised = {"epochs": 40, "decay": 0.97, "regularisation": 0.0}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 1.0}


class TestALS(Conformance):
    implementation = ALS
    rmse = {"synthetic": (0.35, 0.37), "ml-100k": (0.910, 0.922)}
    small = {"factors": 4}
    unregularised = {"epochs": 40, "regularisation": 1e-4}
    biases_alone = {"factors": 0}
    overregularised = {"regularisation": 5.0}


class TestBayesianMF(Conformance):
    implementation = BayesianMF
    rmse = {"synthetic": (0.33, 0.355), "ml-100k": (0.889, 0.901)}
    small = {"factors": 4, "epochs": 40, "burn_in": 1}
    unregularised = {"epochs": 60}
    biases_alone = {"factors": 0}


class TestBayesianOrdinal(Conformance):
    implementation = BayesianOrdinal
    rmse = {"synthetic": (0.33, 0.36), "ml-100k": (0.889, 0.902)}
    on_ml_100k = {"epochs": 40}
    small = {"factors": 4, "epochs": 60, "burn_in": 1}
    unregularised = {"epochs": 80, "burn_in": 40}
    biases_alone = {"factors": 0}


class TestBayesianSVDpp(Conformance):
    implementation = BayesianSVDpp
    rmse = {"synthetic": (0.33, 0.355), "ml-100k": (0.875, 0.887)}
    on_ml_100k = {"epochs": 30}  # more accurate than `BayesianMF` by then
    small = {"factors": 4, "epochs": 40, "burn_in": 1}
    unregularised = {"epochs": 60}
    biases_alone = {"factors": 0}


class TestBlend(Conformance):
    implementation = Blend
    rmse = {"synthetic": (0.33, 0.36), "ml-100k": (0.870, 0.885)}
    small = {"of": ("bias", "bayesian_mf")}
    on_ml_100k = {"of": ("autorec", "bayesian_mf")}  # half a minute with `bayesian_svdpp`
    waived = {
        "test_another_seed_is_another_result_unless_nothing_is_drawn": "no epochs of its own, and "
        "it draws: test_blend has that test"
    }


QUICK = {"epoch_budgets": (1, 2)}
"""So that three epochs of `quick` are three fits."""


class TestSurpriseSVD(Conformance):
    implementation = SurpriseSVD
    rmse = {"synthetic": (0.34, 0.38), "ml-100k": (0.902, 0.914)}
    small = {"n_factors": 8, "epochs": 60, "lr_all": 0.02, **QUICK}
    unregularised = {"epochs": 300, "reg_all": 0.0}
    overregularised = {"reg_all": 1.0}


class TestCornacMF(Conformance):
    implementation = CornacMF
    rmse = {"synthetic": (0.33, 0.35), "ml-100k": (0.898, 0.910)}
    small = {"k": 8, "epochs": 60, "learning_rate": 0.02, **QUICK}
    unregularised = {"epochs": 300, "lambda_reg": 0.0}
    overregularised = {"lambda_reg": 1.0}


class TestMyFMGibbs(Conformance):
    implementation = MyFMGibbs
    rmse = {"synthetic": (0.33, 0.355), "ml-100k": (0.894, 0.906)}
    small = {"rank": 4, "epochs": 40}
    unregularised = {"epochs": 100}


class TestCmfrecALS(Conformance):
    implementation = CmfrecALS
    rmse = {"synthetic": (0.355, 0.375), "ml-100k": (0.914, 0.926)}
    small = {"k": 4, **QUICK}
    unregularised = {"epochs": 40, "lambda_": 1e-4}
    overregularised = {"lambda_": 5.0}


class TestLibmfSGD(Conformance):
    implementation = LibmfSGD
    rmse = {"synthetic": (0.55, 0.585), "ml-100k": (0.894, 0.906)}
    small = {"k": 8, "epochs": 60, "eta": 0.05, "lambda_l2": 0.05, **QUICK}
    unregularised = {"epochs": 300, "lambda_l2": 0.0}
    overregularised = {"lambda_l2": 1.0}
    waived = {
        "test_another_seed_is_another_result_unless_nothing_is_drawn": "the library has no seed",
        "test_ratings_that_are_all_equal": "the library divides by their standard deviation, 0",
    }


class TestSparkALS(Conformance):
    implementation = SparkALS
    rmse = {"synthetic": (0.345, 0.37), "ml-100k": (0.90, 0.93)}
    on_ml_100k = {"rank": 8, "epochs": 8, "epoch_budgets": ()}
    small = {"rank": 4, "reg_param": 0.03, **QUICK}
    unregularised = {"epochs": 40, "reg_param": 1e-4}
    overregularised = {"reg_param": 5.0}


def test_every_registered_implementation_passes_the_suite() -> None:
    tested = {subclass.implementation for subclass in Conformance.__subclasses__()}
    paths = {f"{each.__module__}:{each.__qualname__}" for each in tested}
    assert paths >= set(IMPLEMENTATIONS.values())
