"""The search for hyperparameters: equal budgets, validation alone, every trial a record."""
