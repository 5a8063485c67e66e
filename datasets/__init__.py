"""Ratings from files and from memory, and their splits: a package of ratebench that imports no
other of them."""

from datasets.catalog import load
from datasets.frames import from_arrays, from_frame
from datasets.splits import cut as split
from datasets.splits import whole

__all__ = ["from_arrays", "from_frame", "load", "split", "whole"]
