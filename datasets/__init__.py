"""Ratings from files and from memory, and their splits. Imports nothing else of the project."""

from datasets.frames import from_arrays, from_frame
from datasets.splits import cut as split

__all__ = ["from_arrays", "from_frame", "split"]
