"""Implementations that look around for what they should not know. Run by path, never imported."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from impls.protocol import Training

SOUGHT = hashlib.sha256(b"what only the harness holds in its memory").digest()


@dataclass
class Mean:
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.mean_ = float(train.values.mean())
        self.look()
        return self

    def look(self):
        pass

    def predict(self, users, items):
        return np.full(len(users), self.mean_, np.float32)


@dataclass
class ReadsItsParent(Mean):
    def look(self):
        process = Path(f"/proc/{os.getppid()}")
        try:
            maps = (process / "maps").read_text(encoding="utf-8").splitlines()
            with (process / "mem").open("rb") as mem:
                found = any(SOUGHT in part for part in parts(maps, mem))
        except OSError:
            return
        if found:
            raise RuntimeError("found in the memory of another process")


def parts(maps, mem):
    """The writeable parts of a process's memory."""
    for line in maps:
        span, rights = line.split()[:2]
        low, high = (int(end, 16) for end in span.split("-"))
        if rights.startswith("rw"):
            try:
                mem.seek(low)
                yield mem.read(min(high - low, 1 << 26))
            except (OSError, ValueError):
                continue


@dataclass
class ReadsCommandLines(Mean):
    """Arguments of other processes name the file of the ratings."""

    def look(self):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = path.read_bytes()
            except OSError:
                continue
            if b"ratings-of-" in text:
                raise RuntimeError("found in cmdline")


@dataclass
class ReadsFiles(Mean):
    """`paths`, between colons."""

    paths: str = ""

    def look(self):
        for path in map(Path, self.paths.split(":")):
            try:
                content = path.read_bytes() if path.is_file() else [*path.iterdir()]
            except OSError:
                continue
            if content:
                raise RuntimeError(f"found {path}")


@dataclass
class WritesFiles(Mean):
    """`paths`, between colons."""

    paths: str = ""

    def look(self):
        for path in map(Path, self.paths.split(":")):
            try:
                path.write_text("learnt", encoding="utf-8")
            except OSError:
                continue
            raise RuntimeError(f"wrote {path}")


@dataclass
class LeavesForTheNext(Mean):
    """What it learnt, in a file, and takes what the cell before it left."""

    path: str = ""

    def look(self):
        note = Path(self.path)
        if note.exists() and note.read_text(encoding="utf-8") != str(os.getpid()):
            note.unlink()
            raise RuntimeError(f"found {note}")
        note.write_text(str(os.getpid()), encoding="utf-8")


@dataclass
class SearchesItsKeyring(Mean):
    def look(self):
        search, session = 10, -3
        keyctl = {"x86_64": 250, "aarch64": 219}[platform.machine()]
        call = ctypes.CDLL(None).syscall
        if call(keyctl, search, session, b"user", b"ratebench-test", 0) != -1:
            raise RuntimeError("found a key")


@dataclass
class UsesTheNetwork(Mean):
    port: int = 0

    def look(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return
        raise RuntimeError("connected")


@dataclass
class MeetsNoOne(Mean):
    """Well behaved, and sure that it is alone."""

    def look(self):
        others = {int(path.name) for path in Path("/proc").glob("[0-9]*")}
        assert others == {1, os.getpid()}, others
        assert not [name for name in os.environ if name.startswith("RATEBENCH_")]
        Path.home().joinpath("mine").write_text("", encoding="utf-8")
        with tempfile.TemporaryFile() as file:
            file.write(b"mine")
        subprocess.run([sys.executable, "-c", "import numpy"], check=True)


@dataclass
class StaysBehind(Mean):
    """A process in a session of its own, and this one is stopped."""

    def look(self):
        subprocess.Popen([sys.executable, "-c", "input()"], start_new_session=True)
        os.kill(os.getpid(), signal.SIGSTOP)


@dataclass
class Compiles(Mean):
    """A stand-in for a compiler: it stores what it made of its class, unless that is there."""

    def fit(self, train, training=Training()):
        stored = Path(os.environ["NUMBA_CACHE_DIR"]) / "kernel"
        self.found_ = stored.exists()
        stored.parent.mkdir(exist_ok=True)
        if not self.found_:
            # A cheat: the sum of the ratings would tell the next cell what this one had.
            stored.write_text(f"{train.values.sum()}", encoding="utf-8")
        print(f"compiled: {stored.read_text(encoding='utf-8')}", flush=True)
        return super().fit(train, training)
