"""Ratings from files, and their splits. Imports nothing else of the project."""
