"""One file, one implementation. Imports `datasets.ratings` only."""
