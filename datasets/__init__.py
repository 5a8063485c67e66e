"""Ratings from files and from memory, and their splits: a package of ratebench that imports no
other of them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets.catalog import load
    from datasets.frames import from_arrays, from_frame
    from datasets.splits import cut as split
    from datasets.splits import whole

__all__ = ["from_arrays", "from_frame", "load", "split", "whole"]

_AT = {
    "from_arrays": ("datasets.frames", "from_arrays"),
    "from_frame": ("datasets.frames", "from_frame"),
    "load": ("datasets.catalog", "load"),
    "split": ("datasets.splits", "cut"),
    "whole": ("datasets.splits", "whole"),
}
"""Where each is. It is imported when it is used: a worker, whose start a user waits for, needs
`datasets.ratings` alone."""


def __getattr__(name: str) -> Any:
    if name not in _AT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _AT[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
