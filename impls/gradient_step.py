"""A step down the gradient of a batch's loss: kernel by kernel, or as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

Form = Literal["captured", "eager"]
"""What a step is on CUDA: one graph, or as on a CPU an operation after the other."""

Step = Callable[..., None]

WARM_UP = 3
"""Eager steps before the capture, as PyTorch's notes on CUDA graphs advise."""


def adam(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float, device: str
) -> torch.optim.Adam:
    """Adam in one pass over the parameters. A graph would keep a number as it was captured, so
    the rate lies on the device, where a schedule changes it."""
    rate = torch.tensor(learning_rate, device=device)
    return torch.optim.Adam(parameters, rate, weight_decay=weight_decay, fused=True)


def gradient_step(
    loss: Callable[..., Tensor], optimiser: torch.optim.Optimizer, form: Form, device: str
) -> Step:
    """A step of `optimiser` for the tensors of a batch; "captured" is "eager" but on CUDA."""

    def step(*batch: Tensor) -> None:
        optimiser.zero_grad()
        loss(*batch).backward()
        optimiser.step()

    captures = form == "captured" and device != "cpu"
    return CapturedStep(step, optimiser, device) if captures else step


class CapturedStep:
    """`step` as a CUDA graph: launched at once, where the host would launch tens of kernels.

    A graph works on the memory that it was captured with, so a batch is copied to where the
    first lay. Batches of other shapes, such as the last of an epoch, are stepped eagerly, and
    so are the first `WARM_UP`, which make the optimiser's state. All of them are steps of the
    training: a model learns the same by either form.

    https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
    """

    def __init__(self, step: Step, optimiser: torch.optim.Optimizer, device: str) -> None:
        self._step = step
        self._optimiser = optimiser
        self._stream = torch.cuda.Stream(device)
        self._eager_steps = 0
        self._inputs: tuple[Tensor, ...] = ()
        self._replay: Callable[[], None] | None = None

    def __call__(self, *batch: Tensor) -> None:
        self._inputs = self._inputs or tuple(part.clone() for part in batch)
        if any(part.shape != place.shape for part, place in zip(batch, self._inputs, strict=True)):
            self._step(*batch)
        elif self._eager_steps < WARM_UP:
            self._eager_steps += 1
            self._step_aside(*batch)
        else:
            self._replay = self._replay or self._captured()
            for part, place in zip(batch, self._inputs, strict=True):
                place.copy_(part)
            self._replay()

    def _step_aside(self, *batch: Tensor) -> None:
        """Step on the stream of the capture, so that nothing is left for the capture to make."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            self._step(*batch)
        here.wait_stream(self._stream)

    def _captured(self) -> Callable[[], None]:
        """What launches a step on the inputs; itself it takes none."""
        graph = torch.cuda.CUDAGraph()
        self._tell_optimiser(captured=True)
        with torch.cuda.graph(graph, stream=self._stream):
            self._step(*self._inputs)
        self._tell_optimiser(captured=False)
        return graph.replay

    def _tell_optimiser(self, *, captured: bool) -> None:
        """Of a fused Adam, whose state is on the device anyway, it only decides what torch warns
        of: a capture without it, or an eager step with it."""
        for group in self._optimiser.param_groups:
            group["capturable"] = captured
