"""Ratings on a device, divided there into a grid of blocks: `blocked` is the same for a CPU."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.kernels.scaling import Scaling


class DealtBlocks(NamedTuple):
    """A G × G grid: block g·G + h holds the ratings of user group g by item group h.

    The blocks g·G + (g + d) mod G of one diagonal d share neither users nor items.

    starts    int32 (G² + 1,)  start of each block
    users     int32 (n,)       block by block, within a block in the order of `train`
    items     int32 (n,)
    response  float32 (n,)     standardised ratings
    """

    starts: Tensor
    users: Tensor
    items: Tensor
    response: Tensor


def cut(train: Ratings, groups: int, device: str) -> tuple[DealtBlocks, Scaling]:
    """The grid, with users and items in `groups` groups, and the scaling of its response."""
    users, items, values = (
        torch.tensor(column, device=device) for column in (train.users, train.items, train.values)
    )  # (n,) each
    user_group = dealt(users, train.n_users, groups)
    item_group = dealt(items, train.n_items, groups)
    blocks, order = (user_group[users] * groups + item_group[items]).sort(stable=True)  # (n,)
    every = torch.arange(groups**2 + 1, dtype=blocks.dtype, device=device)
    starts = torch.searchsorted(blocks, every, out_int32=True)

    sd, mean = torch.std_mean(values.double(), correction=0)
    scaling = Scaling(mean.item(), sd.item() or 1.0)
    response = ((values.double() - scaling.mean) / scaling.sd).float()
    return DealtBlocks(starts, users[order], items[order], response[order]), scaling


def dealt(ids: Tensor, n: int, groups: int) -> Tensor:
    """The group of each of n rows, int32 (n,). Rows are dealt to the groups in turn, the most
    often rated first, so that all groups have about equally many ratings."""
    by_frequency = torch.bincount(ids, minlength=n).argsort(descending=True, stable=True)
    group = torch.empty(n, dtype=torch.int32, device=ids.device)
    group[by_frequency] = torch.arange(n, dtype=torch.int32, device=ids.device) % groups
    return group
