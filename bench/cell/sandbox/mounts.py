"""What of the file system a worker sees, as arguments of bubblewrap.

At first it sees none. Folders are bound at their own real paths, read-only unless said otherwise,
and the links that lead to them are made again. Where a folder that is to be hidden lies in one that
is bound, an empty one covers it; what is bound below is bound into that. So the deepest path wins.
"""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import PathFinder, all_suffixes
from pathlib import Path

from bench import BESIDE

MODULES = tuple(all_suffixes())
MOST_LINKS = 40
"""As many as Linux follows."""
TMP = Path("/tmp")
HOME = TMP / "home"

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/nix/store", "/gnu/store", "/run/opengl-driver"),
    # How the loader finds libraries; what names hosts and users have; the time zone.
    *("/etc/ld.so.cache", "/etc/alternatives"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/localtime"),
    # Processors and devices, which thread pools and CUDA look up.
    *("/sys/bus", "/sys/class", "/sys/devices", "/sys/module"),
    # Debian has the settings of a JVM there, and without them none starts.
    *map(str, sorted(Path("/etc").glob("java-*"))),
)

FOLDER_VARIABLES = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD"),
    *("CUDA_HOME", "CUDA_PATH", "JAVA_HOME"),
)
"""Variables with paths that an interpreter and its libraries may need, between colons."""

DEVICES = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm*", "nvidia-modeset", "nvidia-caps*", "dxg")
"""Below /dev: cards, their control and memory, parts of one (MIG), and WSL's only one."""


def cuda_devices(dev: Path = Path("/dev")) -> list[Path]:
    """The nodes that a CUDA row needs, of those that there are; the folder of a card's parts."""
    return sorted({path for pattern in DEVICES for path in dev.glob(pattern)})


@dataclass
class Mounts:
    """Collects what is to be seen.

    hidden  folders and files that no worker sees, also where they lie in what it sees
    """

    hidden: Iterable[Path] = ()
    _bound: dict[Path, str] = field(default_factory=dict)
    _links: dict[Path, str] = field(default_factory=dict)

    def copy(self, hidden: Iterable[Path]) -> Mounts:
        """With the same things to see, and others hidden."""
        return Mounts(hidden, {**self._bound}, {**self._links})

    def bind(self, path: Path, how: str = "--ro-bind") -> None:
        """Let `path` be seen, if it exists. Of a folder that is hidden or holds far more, only the
        modules in it are bound; one that all workers need is bound already."""
        path = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would lose the links
        real = self._follow(path)
        if not real.exists():
            return
        if how == "--ro-bind" and real.is_dir() and (is_wide(real) or self._is_hidden(real)):
            for module in modules_in(real) if real not in self._bound else ():
                self.bind(module)
        else:
            self._bound[real] = how

    def arguments(self) -> list[str]:
        """Of bubblewrap, in the order in which they are to be applied."""
        covers = {path for path in map(_real, self.hidden) if path.exists()} - self._bound.keys()
        steps = {path: _cover(path) for path in covers if self._lies_in_bound(path)}
        steps[TMP] = ["--perms", "1777", "--tmpfs", str(TMP)]
        steps |= {
            path: [how, str(path), str(path)]
            for path, how in self._bound.items()
            if not self._is_seen_anyway(path, how, covers)
        }
        steps |= {
            path: ["--symlink", target, str(path)]
            for path, target in self._links.items()
            if not self._lies_in_bound(path)
        }
        return [word for path in sorted(steps, key=_depth) for word in steps[path]]

    def _follow(self, path: Path, links: int = 0) -> Path:
        """The real path; links on the way are noted, so that `path` will lead to it, too."""
        real = Path(path.anchor)
        for number, part in enumerate(path.parts[1:], start=2):
            step = real / part
            if links < MOST_LINKS and step.is_symlink():
                self._links[step] = str(step.readlink())
                rest = path.parts[number:]
                target = Path(os.path.normpath(real / step.readlink()), *rest)
                return self._follow(target, links + 1)
            real = step
        return real

    def _is_hidden(self, path: Path) -> bool:
        return any(path.is_relative_to(hidden) for hidden in map(_real, self.hidden))

    def _lies_in_bound(self, path: Path) -> bool:
        return any(parent in self._bound for parent in path.parents)

    def _is_seen_anyway(self, path: Path, how: str, covers: set[Path]) -> bool:
        """Whether another bound folder shows it, with nothing in between that covers it."""
        for parent in path.parents:
            if parent in covers or parent == TMP:
                return False
            if parent in self._bound:
                return self._bound[parent] == how
        return False


def interpreter() -> Iterator[Path]:
    """The folders of this Python, its packages and the project's."""
    yield from map(Path, (sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix))
    yield from map(Path, sysconfig.get_paths().values())
    yield from (place.parent for place in BESIDE.values())
    yield Path(__file__).parents[2]
    script = os.path.dirname(os.path.realpath(sys.argv[0]))  # noqa: PTH120 - "" stays ""
    for entry in [*site.getsitepackages(), site.getusersitepackages(), *sys.path]:
        # Workers do not search the folder of the script that runs, or "", the working directory.
        if os.path.isabs(entry) and entry != script:  # noqa: PTH117
            yield Path(entry)
    for finder in sys.meta_path:  # of packages that were installed as editable
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
        yield from map(Path, mapping.values() if isinstance(mapping, dict) else ())
    for variable in FOLDER_VARIABLES:
        yield from map(Path, filter(None, os.environ.get(variable, "").split(":")))


def source(class_path: str) -> Path | None:
    """The folder that an implementation may import from: of its script, or of its package."""
    location, _, _ = class_path.rpartition(":")
    if location.endswith(".py"):
        return Path(location).parent
    spec = PathFinder.find_spec(location.partition(".")[0])
    if spec is None:
        return None
    found = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    if found is None:
        return None
    return Path(found).parent.parent if spec.submodule_search_locations else Path(found).parent


def is_wide(folder: Path) -> bool:
    """Whether a folder holds the home, or what programs leave to each other."""
    shared = (Path.home(), Path(tempfile.gettempdir()), TMP, Path("/dev/shm"), Path("/var/tmp"))
    return any(each.is_relative_to(folder) for each in map(_real, shared))


def modules_in(folder: Path) -> list[Path]:
    """The modules in a folder, and the folders in it that have one."""
    return sorted(
        path
        for path in folder.iterdir()
        if is_module(path) or (path.name.isidentifier() and any(map(is_module, _within(path))))
    )


def is_module(path: Path) -> bool:
    return path.name.endswith(MODULES) and path.is_file()


def _within(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):  # it is no folder, or another user's
        return [*folder.iterdir()]
    return []


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _cover(path: Path) -> list[str]:
    """An empty folder over a folder; over a file what cannot be opened."""
    return ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]


def _depth(path: Path) -> tuple[int, Path]:
    return len(path.parts), path
