"""The fault suite: `python -m tests.faults` breaks the harness in hundreds of ways, and checks what
comes of each (docs/faults.md)."""
