"""The speed gate: is HEAD slower than BASE? Two revisions, timed in turns in one run."""
