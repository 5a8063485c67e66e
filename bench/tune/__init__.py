"""The search for hyperparameters: equal budgets, validation alone, every trial a record."""

FOLDER = "tuning"
"""Of the trials' records in a results folder: trials are not results."""
