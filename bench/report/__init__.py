"""Records in, pages, plots and sentences out."""

from bench.report.comparison import compare
from bench.report.writing import described, write

__all__ = ["compare", "described", "write"]
