"""The roofline: measured bounds of a machine, and the least work of an update."""
