"""A simulated device: the CPU, distinguished from the host. Waits for it are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.support.pretended_graphs import graphs

DEVICE = "cpu:0"
"""For torch this is the CPU. The implementations call the host `cpu`, so this means a device."""

TO_DEVICE, TO_HOST = "copy to the device", "copy to the host"

WAITING = {
    "_local_scalar_dense",  # item(), int(), bool(), `if`
    "_linalg_check_errors",  # linalg.cholesky, inv, solve, …, which raise; their _ex do not
    "_coalesce",
    "_unique",
    "_unique2",
    "bincount",
    "equal",
    "masked_select",
    "nonzero",
    "unique_consecutive",
    "unique_dim",
}
"""Operators whose result, or its size, the host must know before it can go on."""

INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}


@contextmanager
def counted(counts: Counter[str]) -> Iterator[None]:
    """Count in `counts`, by name, the operators that would wait for a device.

    Raises RuntimeError for what would fail on a device: an operator on tensors of both the host
    and the device, and numpy() of a tensor of the device. The inside of a kernel is not seen.
    """
    operators = _Operators(counts)
    tensor_of, to, array = torch.tensor, Tensor.to, Tensor.numpy
    grouped = torch.optim.Optimizer._group_tensors_by_device_and_dtype

    def created(data: Any, *, device: Any = "cpu", **named: Any) -> Tensor:
        return tensor_of(data, **named).to(device)  # torch would hide the copy

    def device(tensor: Tensor) -> torch.device:
        return torch.device(DEVICE if operators.has(tensor) else "cpu")

    def to_host(tensor: Tensor) -> Tensor:
        return torch.ops.aten._to_copy(tensor, device=torch.device("cpu"))

    def moved(tensor: Tensor, *where: Any, **named: Any) -> Tensor:
        places = [str(each) for each in (*where, *named.values()) if not isinstance(each, Tensor)]
        if "cpu" in places and operators.has(tensor):
            return to_host(tensor)
        return to(tensor, *where, **named)

    def as_list(tensor: Tensor) -> Any:
        return to_host(tensor).numpy().tolist()

    def as_array(tensor: Tensor) -> Any:
        if operators.has(tensor):
            raise RuntimeError("numpy() of a tensor on the device")
        return array(tensor)

    def grouped_by_device(lists: Any, with_indices: bool = False) -> Any:
        groups = grouped(lists, with_indices).items()
        return {(device(found[0][0][0]), dtype): found for (_, dtype), found in groups}

    by_python = {
        "device": property(device),
        "cpu": to_host,
        "to": moved,
        "tolist": as_list,
        "numpy": as_array,
    }
    with (
        patch.multiple(Tensor, **by_python),
        patch.object(torch, "tensor", created),
        patch.object(
            torch.optim.Optimizer,
            "_group_tensors_by_device_and_dtype",
            staticmethod(grouped_by_device),
        ),
        graphs(counts),
        operators,
    ):
        yield


class _Operators(TorchDispatchMode):
    """Tracks which memory is the device's: what is allocated there, and the results of it."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts
        self._memory: dict[int, torch.UntypedStorage] = {}  # held, so that addresses stay unique

    def has(self, tensor: Tensor) -> bool:
        return _memory(tensor)._cdata in self._memory

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = operator.overloadpacket.__name__
        tensors = _tensors((args, kwargs))
        here = any(self.has(tensor) for tensor in tensors)
        requested = kwargs.get("device")
        # Autograd names the device, but as `cpu`, when it copies a gradient to its place.
        of_autograd = name == "new_empty_strided"
        stays = here if requested is None or of_autograd else requested == torch.device(DEVICE)
        if name == "copy_":
            stays, here = (self.has(tensor) for tensor in args[:2])
        if name in ("copy_", "_to_copy"):
            self._count_copy(here, stays)
        elif here:
            self._count(name, args, kwargs)
            self._refuse_mixture(name, tensors)
        result = operator(*args, **kwargs)
        if stays:
            for memory in map(_memory, _tensors(result)):
                self._memory[memory._cdata] = memory
        return result

    def _count_copy(self, here: bool, stays: bool) -> None:
        if here != stays:
            self.counts[TO_DEVICE if stays else TO_HOST] += 1

    def _count(self, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        unsized = name == "repeat_interleave" and kwargs.get("output_size") is None
        if name in WAITING or unsized:
            self.counts[name] += 1
        if name in INDEXING:
            for index in _tensors(args[1]):
                self.counts["nonzero"] += index.dtype in (torch.bool, torch.uint8)
                self.counts[TO_DEVICE] += not self.has(index)

    def _refuse_mixture(self, name: str, tensors: list[Tensor]) -> None:
        sized = [tensor for tensor in tensors if tensor.dim()]
        if name not in INDEXING and not all(map(self.has, sized)):
            raise RuntimeError(f"{name} of tensors on the host and on the device")


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> torch.UntypedStorage:
    return (tensor._values() if tensor.is_sparse else tensor).untyped_storage()
