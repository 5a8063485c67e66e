"""Wrappers of third-party libraries: each gets its fastest input and the pinned threads."""
