"""Ratings from files, and their splits. Imports nothing else of the project."""

from datasets.splits import cut as split

__all__ = ["split"]
