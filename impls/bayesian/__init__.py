"""One file for each implementation: a package of ratebench; it imports `datasets.ratings` alone."""
