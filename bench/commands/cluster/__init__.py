"""`--cluster` of the verbs that run cells."""
