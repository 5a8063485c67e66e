"""Ratings in, splits out. Imports nothing else of the project."""
