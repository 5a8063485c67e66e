"""Records in, pages, plots and sentences out."""

from bench.report.comparison import compare
from bench.report.writing import write

__all__ = ["compare", "write"]
