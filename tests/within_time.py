"""Runs pytest in a process that is ended after some seconds: `within_time.py SECONDS ARGUMENTS`.

For tests of a library whose fit may never return, so that no signal reaches Python.
"""

from __future__ import annotations

import subprocess
import sys


def main(seconds: float, arguments: list[str]) -> int:
    """pytest's exit code; 0, with a word on standard error, where it did not end in time."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], timeout=seconds
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"ended after {seconds:g} s: LIBMF hung in its own fit", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
