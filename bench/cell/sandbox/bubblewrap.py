"""Workers in bubblewrap: whether that is possible here, and how it is done."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cell.process import Launch
from bench.cell.sandbox import mounts
from datasets import cache

NAME = "bubblewrap"
"""As records have it."""

PROBE_S = 30
CONTAINED = (
    "--unshare-all",  # user, processes, network, shared memory, host name, cgroup
    *("--cap-drop", "ALL"),
    "--die-with-parent",
    *("--proc", "/proc"),
    *("--dev", "/dev"),  # with a shm of its own
)

VARIABLES = (
    *("PATH", "LANG", "LANGUAGE", "LC_", "TZ", "TERM", "CC", "CXX", "LD_", "GLIBC_TUNABLES"),
    *("PYTHON", "MALLOC_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_"),
    *("NUMEXPR_", "NUMBA_", "TORCH", "PYTORCH_", "TRITON_", "CUDA_", "CUBLAS_", "CUDNN_"),
    *("NVIDIA_", "JAVA_HOME"),
)
"""How the names begin of the variables that a worker keeps."""


@dataclass(frozen=True)
class Sandbox:
    """Starts workers in bubblewrap.

    hidden  folders and files that no worker sees, besides the cache, $RATEBENCH_DATA and what is
            in the temporary folder
    """

    hidden: tuple[Path, ...] = ()

    def launch(
        self, reads: Iterable[Path], writes: Iterable[Path], *, cuda: bool = False
    ) -> Launch:
        """Of a worker that sees `reads`, may change `writes`, and has the devices of `cuda`."""
        words = self._words(reads, writes, cuda=cuda)
        module = "bench.cell.sandbox.first"
        return Launch([*words, "--as-pid-1", "--"], module, environment())

    def importer(self, class_path: str, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """Of a process that imports a class and writes to a folder, as `describing` needs it."""
        own = mounts.source(class_path)
        words = self._words([own] if own else [], [folder], cuda=True)
        return [*words, "--"], environment()

    def _words(self, reads: Iterable[Path], writes: Iterable[Path], *, cuda: bool) -> Sequence[str]:
        seen = _seen_by_all().copy([*self.hidden, *always_hidden()])
        for path in reads:
            seen.bind(path)
        for path in writes:
            seen.bind(path, "--bind")
        for path in mounts.cuda_devices() if cuda else ():
            seen.bind(path, "--dev-bind")
        bwrap = shutil.which("bwrap") or "bwrap"
        return [bwrap, *CONTAINED, *seen.arguments(), "--dir", str(mounts.HOME)]


@functools.cache
def _seen_by_all() -> mounts.Mounts:
    seen = mounts.Mounts()
    for path in (*map(Path, mounts.SYSTEM), *mounts.interpreter()):
        seen.bind(path)
    return seen


def always_hidden() -> list[Path]:
    """Where ratings and scores lie, whatever is run."""
    named = os.environ.get("RATEBENCH_DATA")
    results = Path(__file__).parents[3] / "results"
    return [cache.folder(), results, *([Path(named).expanduser()] if named else [])]


def environment() -> dict[str, str]:
    """The variables of a worker: no names of the harness's folders, and a home of its own."""
    own = {"HOME": str(mounts.HOME), "TMPDIR": str(mounts.TMP), "USER": NAME, "LOGNAME": NAME}
    return {
        **{name: text for name, text in os.environ.items() if name.startswith(VARIABLES)},
        **own,
    }


def version() -> str:
    """`bubblewrap 0.8.0`."""
    done = subprocess.run(["bwrap", "--version"], capture_output=True, encoding="utf-8")
    return done.stdout.strip() or NAME


@functools.cache
def problem() -> str:
    """Why there can be no sandbox here, and how to have one; "" where a process started in one."""
    if sys.platform != "linux":
        return "there is one on Linux alone"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (apt-get install bubblewrap)"
    launch = Sandbox().launch((), ())
    try:
        done = subprocess.run(
            [*launch.before, sys.executable, "-P", "-c", "import bench"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(launch.environment),
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    if not done.returncode:
        return ""
    why = next(iter(done.stderr.strip().splitlines()[-1:]), f"it ended with {done.returncode}")
    return (
        f"bubblewrap cannot start a process: {why}; user namespaces must be allowed (sysctl "
        "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, "
        "user.max_user_namespaces; in a container, its own options)"
    )
