"""The records as one page for people: data, charts, and the file that holds both."""
