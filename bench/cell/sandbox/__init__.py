"""A worker in a world of its own: bubblewrap's mounts and namespaces (docs/measurement.md)."""
