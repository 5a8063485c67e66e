"""Libraries that people use today, as rows: each is given its fastest input and its threads."""
