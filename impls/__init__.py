"""One file for each implementation. Of the project it imports `datasets.ratings` alone."""
