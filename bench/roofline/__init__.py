"""What a machine allows: its limits measured, and the least work that an update can be."""
