"""The names of the implementations. A module is imported only when it runs."""

from __future__ import annotations

IMPLEMENTATIONS = {
    "global_mean": "impls.global_mean:GlobalMean",
    "bias": "impls.bias:Bias",
    "numpy_sgd": "impls.numpy_sgd:NumpySGD",
    "autograd_mf": "impls.autograd_mf:AutogradMF",
    "embedding_mf": "impls.embedding_mf:EmbeddingMF",
    "sparse_embedding_mf": "impls.sparse_embedding_mf:SparseEmbeddingMF",
    "autorec": "impls.autorec:AutoRec",
    "sparse_fc": "impls.sparse_fc:SparseFC",
    "ncf": "impls.ncf:NCF",
    "numpy_sgd_strata": "impls.numpy_sgd_strata:NumpySGDStrata",
    "numba_sgd": "impls.numba_sgd:NumbaSGD",
    "triton_sgd": "impls.triton_sgd:TritonSGD",
    "als": "impls.als:ALS",
    "bayesian_mf": "impls.bayesian.bayesian_mf:BayesianMF",
    "bayesian_ordinal": "impls.bayesian.bayesian_ordinal:BayesianOrdinal",
    "bayesian_svdpp": "impls.bayesian.bayesian_svdpp:BayesianSVDpp",
    "blend": "impls.blend:Blend",
    "peer:surprise_svd": "impls.peers.surprise_svd:SurpriseSVD",
    "peer:cornac_mf": "impls.peers.cornac_mf:CornacMF",
    "peer:myfm": "impls.peers.myfm_gibbs:MyFMGibbs",
    "peer:cmfrec": "impls.peers.cmfrec_als:CmfrecALS",
    "peer:libmf": "impls.peers.libmf_sgd:LibmfSGD",
    "peer:spark_als": "impls.peers.spark_als:SparkALS",
}

RENAMED = {
    "ladder": "epoch_budgets",
    "targets": "response",
    "Targets": "Response",
    "standard_score": "target",
}
"""Identifiers and hyperparameters of the built-in implementations that have had two names: one ->
the one in the digest. A rename listed here re-runs nothing, since both have the same digest. Once
records exist, the name in the digest is the old one."""
