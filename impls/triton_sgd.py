"""Matrix factorisation by SGD on a GPU: a Triton kernel on blocks that share no row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.sgd.dealt_blocks import cut
from impls.protocol import Training

RARE = 16
"""At most one rating is in flight for so many users, and for so many items."""
MOST_GROUPS = 256
"""Programs of a launch, at most: about two for each multiprocessor of a large GPU."""
SLOTS = 16
"""Ratings that a program processes at a time, at most."""
SECTOR = 8
"""Entries in the 32 bytes that a GPU reads at once; a row is a multiple of it."""


@dataclass
class TritonSGD:
    """The model, loss and update of `numpy_sgd`, thousands of ratings at a time on a GPU.

    Users and items are divided into G groups each. The G blocks of a diagonal share neither users
    nor items: they are one launch, with one program per block. At most one rating is in flight
    for every 16 users and for every 16 items. Where that allows more than 256 groups, there are
    256, and a program processes up to 16 ratings of its block at a time. Of ratings that share a
    row then only the first one's step reaches that row; the other steps are lost, as in Hogwild,
    but without a race. So the result depends on the seed alone, and with fewer than 8,192 users
    or items no step is lost.

    Hyperparameters as in `numba_sgd`.

    Xie, Tan, Fong & Liang 2017, CuMF_SGD: parallelized stochastic gradient descent for matrix
    factorization on GPUs; blocks as in Gemulla et al. 2011.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Xie et al. 2017"
    library: ClassVar[str] = "triton"
    devices: ClassVar[tuple[str, ...]] = ("cuda",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 62
    epochs: int = 12
    learning_rate: float = 0.0582
    decay: float = 0.71
    regularisation: float = 0.048
    std: float = 0.018
    device: str = "cuda"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        from impls.kernels.sgd.triton_kernel import (
            diagonal_steps,  # imported here, since Triton may not be installed
        )

        rng = torch.Generator().manual_seed(self.seed)  # on the host: the same for every device
        groups, slots = concurrency(train.n_users, train.n_items)
        blocks, self.scaling_ = cut(train, groups, self.device)
        k, lanes = self.factors, math.ceil((self.factors + 2) / SECTOR) * SECTOR
        self.U_ = self._start(train.n_users, lanes, k + 1, rng)  # rows p_u, b_u, 1, 0 …
        self.V_ = self._start(train.n_items, lanes, k, rng)  # rows q_i, 1, b_i, 0 …
        power_of_two = 1 << (lanes - 1).bit_length()
        sizes = {"factors": k, "lanes": lanes, "SLOTS": SLOTS, "LANES": power_of_two}

        for epoch in training.epochs(self.epochs):
            rate = 2 * self.learning_rate * self.decay**epoch
            step = slots, rate, 1 - rate * self.regularisation
            with torch.cuda.device_of(self.U_):  # Triton launches on the current device
                for diagonal in torch.randperm(groups, generator=rng).tolist():
                    # One stage: rows must not be fetched before the previous step is stored.
                    diagonal_steps[(groups,)](
                        *blocks, self.U_, self.V_, groups, diagonal, *step, **sizes, num_stages=1
                    )
        return self

    def _start(self, n: int, lanes: int, one: int, rng: torch.Generator) -> Tensor:
        """Rows (n, lanes): uniform factors, a 1 in lane `one`, else zeros."""
        rows = torch.zeros(n, lanes)
        bound = self.std * math.sqrt(3)
        rows[:, : self.factors].uniform_(-bound, bound, generator=rng)
        rows[:, one] = 1.0
        return rows.to(self.device)

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, dtype=torch.long, device=self.device) for ids in (users, items))
        z = (self.U_[u] * self.V_[i]).sum(dim=1)  # (n,)
        return (self.scaling_.mean + self.scaling_.sd * z).cpu().numpy()


def concurrency(n_users: int, n_items: int) -> tuple[int, int]:
    """The number of groups, and of ratings that the program of each processes at a time."""
    in_flight = max(1, min(n_users, n_items) // RARE)
    groups = min(MOST_GROUPS, in_flight)
    return groups, min(SLOTS, in_flight // groups)
