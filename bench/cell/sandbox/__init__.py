"""What a worker can see and reach: bubblewrap's mounts and namespaces (docs/measurement.md)."""
