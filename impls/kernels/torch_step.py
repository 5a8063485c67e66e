"""A gradient step on a batch's loss: kernel by kernel, or as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

StepForm = Literal["captured", "eager"]
"""The form of a step on CUDA: one graph, or one operation after the other, as on a CPU."""

Step = Callable[..., None]


def adam(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float, device: str
) -> torch.optim.Adam:
    """Adam in one pass over the parameters; it can be captured where `device` is not the CPU.

    A graph would repeat a number as it was when captured. So the rate is then a tensor on the
    device, which a schedule changes in place.
    """
    on_cpu = device == "cpu"
    rate = learning_rate if on_cpu else torch.tensor(learning_rate, device=device)
    return torch.optim.Adam(
        parameters, rate, weight_decay=weight_decay, fused=True, capturable=not on_cpu
    )


def gradient_step(
    loss: Callable[..., Tensor], optimiser: torch.optim.Optimizer, form: StepForm, device: str
) -> Step:
    """A step of `optimiser`: a function of the tensors of a batch, as `loss` is.

    "captured" has an effect on CUDA alone; on a CPU every step is "eager".
    """

    def step(*batch: Tensor) -> None:
        optimiser.zero_grad()
        loss(*batch).backward()  # not stored: its graph belongs to the current stream
        optimiser.step()

    captures = form == "captured" and device != "cpu"
    return CapturedStep(step, device) if captures else step


class CapturedStep:
    """`step` as a CUDA graph: one launch, in place of tens of kernels that the host launches.

    A graph reads the memory that it was captured with. So a batch is copied to the captured
    one's memory, and a batch of another shape, such as the last of an epoch, has a graph of its
    own. The first batch of a shape runs eagerly, which creates the state of the optimiser and
    of libraries. Every call is one training step, so that a model learns the same by either form.

    https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
    """

    def __init__(self, step: Step, device: str) -> None:
        self._step = step
        self._stream = torch.cuda.Stream(device)
        self._warm: set[tuple[torch.Size, ...]] = set()
        self._graphs: dict[tuple[torch.Size, ...], tuple[tuple[Tensor, ...], torch.cuda.CUDAGraph]]
        self._graphs = {}

    def __call__(self, *batch: Tensor) -> None:
        shapes = tuple(part.shape for part in batch)
        if shapes not in self._warm:
            self._warm.add(shapes)
            self._warm_up(*batch)
            return
        if shapes not in self._graphs:
            self._graphs[shapes] = self._captured(*batch)
        inputs, graph = self._graphs[shapes]
        for place, part in zip(inputs, batch, strict=True):
            place.copy_(part)
        graph.replay()

    def _warm_up(self, *batch: Tensor) -> None:
        """Step eagerly on the stream of the capture, so that all state there exists."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            self._step(*batch)
        here.wait_stream(self._stream)

    def _captured(self, *batch: Tensor) -> tuple[tuple[Tensor, ...], torch.cuda.CUDAGraph]:
        """The tensors that a graph reads its batch from, and the graph; nothing is computed yet."""
        inputs = tuple(part.clone() for part in batch)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            self._step(*inputs)
        return inputs, graph
