"""The answer on a set of one's own: a search with equal seconds for each model, then final runs."""

FOLDER = "choose"
"""Of the choices in a results folder, one folder each: trials are not results."""
