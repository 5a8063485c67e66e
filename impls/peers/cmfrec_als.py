"""cmfrec's CMF on ratings alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from scipy import sparse

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.peers.shared import Learnt, pinned
from impls.protocol import Training


@dataclass
class CmfrecALS:
    """Biased matrix factorisation by alternating least squares, compiled, on every thread.

    The library centres the ratings, adds the biases, and solves by conjugate gradients except
    in the last iteration, which is exact. It has no callback.

    k, lambda_, scale_lam  the library's
    epochs                 its niter
    epoch_budgets          epochs of the earlier fits, each from scratch

    Cortes 2018, Cold-start recommendations in collective matrix factorization; λ by count as
    in Zhou et al. 2008.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Cortes 2018"
    library: ClassVar[str] = "cmfrec"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    k: int = 16
    epochs: int = 10
    epoch_budgets: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 10, 15, 20, 30)
    lambda_: float = 0.1
    scale_lam: bool = True
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        from cmfrec import CMF

        for epochs in training.fits(self.epochs, self.epoch_budgets):
            shape = train.n_users, train.n_items
            cmf = CMF(
                k=self.k,
                lambda_=self.lambda_,
                scale_lam=self.scale_lam,
                niter=epochs,
                precompute_for_predictions=False,  # of new users
                random_state=self.seed,
                handle_interrupt=False,
                nthreads=pinned(),
            ).fit(sparse.coo_matrix((train.values, (train.users, train.items)), shape))
            self.learnt_ = Learnt(cmf.glob_mean_, cmf.user_bias_, cmf.item_bias_, cmf.A_, cmf.B_)
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self.learnt_.predict, users, items)
