"""The libraries among the rows, held to the protocol; skipped where one is not installed.

On one thread each repeats bit for bit, as here. On more, Cornac's threads race for the rows they
share and LIBMF's for blocks, so that no two fits are quite equal: nothing asks them to be.
"""

# ruff: noqa: RUF012 - `base.Subject` declares the dicts as class variables
from __future__ import annotations

from impls.peers.cmfrec_als import CmfrecALS
from impls.peers.cornac_mf import CornacMF
from impls.peers.libmf_sgd import LibmfSGD
from impls.peers.myfm_gibbs import MyFMGibbs
from impls.peers.surprise_svd import SurpriseSVD
from tests.conformance.suite import Conformance

QUICK = {"epoch_budgets": (1, 2)}
"""So that three epochs of `quick` are three fits."""


class TestSurpriseSVD(Conformance):
    implementation = SurpriseSVD
    presets = ("default", "library")
    rmse = {"synthetic": (0.34, 0.38), "ml-100k": (0.902, 0.914)}
    small = {"n_factors": 8, "epochs": 60, "lr_all": 0.02, **QUICK}
    free = {"epochs": 300, "reg_all": 0.0}
    held_back = {"reg_all": 1.0}


class TestCornacMF(Conformance):
    implementation = CornacMF
    presets = ("default", "fast")
    rmse = {"synthetic": (0.33, 0.35), "ml-100k": (0.898, 0.910)}
    small = {"k": 8, "epochs": 60, "learning_rate": 0.02, **QUICK}
    free = {"epochs": 300, "lambda_reg": 0.0}
    held_back = {"lambda_reg": 1.0}


class TestMyFMGibbs(Conformance):
    implementation = MyFMGibbs
    presets = ("default", "rank-16")
    rmse = {"synthetic": (0.33, 0.355), "ml-100k": (0.894, 0.906)}
    small = {"rank": 4, "epochs": 40}
    free = {"epochs": 100}


class TestCmfrecALS(Conformance):
    implementation = CmfrecALS
    presets = ("default",)
    rmse = {"synthetic": (0.355, 0.375), "ml-100k": (0.914, 0.926)}
    small = {"k": 4, **QUICK}
    free = {"epochs": 40, "lambda_": 1e-4}
    held_back = {"lambda_": 5.0}


class TestLibmfSGD(Conformance):
    implementation = LibmfSGD
    presets = ("default",)
    rmse = {"synthetic": (0.55, 0.585), "ml-100k": (0.894, 0.906)}
    small = {"k": 8, "epochs": 60, "eta": 0.05, "lambda_l2": 0.05, **QUICK}
    free = {"epochs": 300, "lambda_l2": 0.0}
    held_back = {"lambda_l2": 1.0}
    waived = {
        "test_another_seed_is_another_result_unless_nothing_is_drawn": "the library has no seed",
        "test_ratings_that_are_all_equal": "the library divides by their standard deviation, 0",
    }
