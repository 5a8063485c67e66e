"""Ratings from files, and their splits: a package of ratebench that imports no other of them."""

from datasets.splits import cut as split

__all__ = ["split"]
