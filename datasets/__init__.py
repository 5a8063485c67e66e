"""Ratings from files and from memory, and their splits: the lowest package of ratebench."""

from datasets.frames import from_arrays, from_frame
from datasets.splits import cut as split

__all__ = ["from_arrays", "from_frame", "split"]
