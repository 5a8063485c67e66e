"""Cells on the machines of a Dask cluster: one at a time on each."""
