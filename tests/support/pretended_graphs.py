"""CUDA graphs simulated on a CPU: captured operators run again, one by one, on the same memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves


class Graph:
    """In place of torch.cuda.CUDAGraph."""

    replays = 0
    """Of all graphs, ever."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, dict[str, Any], Any]] = []

    @torch.no_grad()
    def replay(self) -> None:
        Graph.replays += 1
        for operator, args, kwargs, result in self.calls:
            again = operator(*args, **kwargs)
            for place, value in zip(_tensors(result), _tensors(again), strict=True):
                if place.data_ptr() != value.data_ptr():
                    place.copy_(value)


class Stream:
    """In place of torch.cuda.Stream. Work is done at once, so nothing waits; `log` has the waits
    that were requested, and which stream was current."""

    log: ClassVar[list[tuple[str, Stream]]] = []

    def __init__(self, device: str) -> None:
        self.device = device

    def wait_stream(self, other: Stream) -> None:
        Stream.log += [("waits", self), ("for", other)]


class _Capture(TorchDispatchMode):
    """Records the operators that are called. They run, since later ones need the shapes of their
    results; at the end all memory outside is restored, since a capture computes nothing."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        self._random = torch.get_rng_state()

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if operator._schema.is_mutable:
            with _disable_current_modes():
                for memory in (tensor.untyped_storage() for tensor in _tensors((args, kwargs))):
                    self._before.setdefault(memory._cdata, (memory, memory.clone()))
        result = operator(*args, **kwargs)
        self._graph.calls.append((operator, args, kwargs, result))
        return result

    def undo(self) -> None:
        with _disable_current_modes():
            for memory, before in self._before.values():
                memory.copy_(before)
        torch.set_rng_state(self._random)


@contextmanager
def graphs(waits: Counter[str]) -> Iterator[None]:
    """Graphs can be captured. RuntimeError for a capture in which `waits` grew: CUDA refuses it."""

    @contextmanager
    def capture(graph: Graph, stream: Stream) -> Iterator[None]:
        before = waits.copy()
        recorder = _Capture(graph)
        with entered(stream), recorder:
            yield
        recorder.undo()
        if waits != before:
            raise RuntimeError(f"captured what waits: {waits - before}")

    @contextmanager
    def entered(stream: Stream) -> Iterator[None]:
        Stream.log.append(("current", stream))
        yield
        Stream.log.append(("no longer", stream))

    default = Stream("default")
    fakes = {
        "CUDAGraph": Graph,
        "Stream": Stream,
        "graph": capture,
        "stream": entered,
        "current_stream": lambda _: default,
    }
    with patch.multiple(torch.cuda, **fakes):
        yield


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
