"""How many ratings each workload works on, for 5 to 30 ms a call on one core, old or new."""

ROWS = {
    "bias": 90_000,
    "numpy_sgd": 1_600,
    "autograd_mf": 80,
    "embedding_mf": 4_500,
    "sparse_embedding_mf": 4_000,
    "autorec": 1_600,
    "sparse_fc": 1_600,
    "ncf": 2_000,
    "numpy_sgd_strata": 12_000,
    "numba_sgd": 200_000,
    "als": 20_000,
    "bayesian_mf": 50_000,
    "bayesian_ordinal": 20_000,
    "bayesian_svdpp": 20_000,
    "predict": 70_000,
    "split": 160_000,
    "parse": 50_000,
    "score": 2_000_000,
}
