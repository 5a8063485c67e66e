"""Faulty implementations: a phase, the code that goes wrong in it, and what the row must become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.records import Record
from tests.faults.case import Case, check_figures, check_honest
from tests.faults.place import Done, Figures, Place, WrongError, key_of

KIND = "implementations"
BAD = "failed|diverged|out of memory|timeout"
ANY = f"ok|{BAD}"
PHASES = (
    *("import", "__init__", "warm-up", "predict of the warm-up", "fit", "evaluation"),
    *("end of fit", "predict", "again"),
)
SHORT_FIT = ("fit", "predict")


@dataclass(frozen=True)
class Fault:
    """`code` runs in `phase`; the row's status is one of `status`, and its reason has one of
    `reason` (each separated by |). An `ok` row has an honest row's figures.

    more     text of the file beside the fault
    name     of the row's file
    allowed  what it may leave among the temporary files

    The memory limit is 0.6 GB; the time limit is a second, or 20 where the row must be ok.
    """

    name: str
    phase: str
    code: str
    status: str = "failed"
    reason: str = ""
    more: str = ""
    file: str = "row.py"
    slow: bool = False
    allowed: tuple[str, ...] = ()

    def run(self, place: Place, figures: Figures) -> str:
        row = f"{place.row(self.phase, self.code, self.more, self.file)}:Row"
        words = ["--impl", "bias", "--impl", row, "--dataset", "ratings.csv", "--seeds", "2"]
        limit = "20" if self.status == "ok" else "1"  # of a busy machine, too, it must be ok
        done = place.bench("run", *words, "--time-limit", limit, "--memory-limit", "0.6")
        if done.code == 2 and self.refusable:
            return refusal(done)
        records = check_honest(place, figures)
        rows = [each for each in records if key_of(each)[0] != "bias"]
        if len(rows) != 2:
            raise WrongError(f"{len(rows)} records of the row, not 2: {done.text[-400:]}")
        for each in rows:
            self._check(each, figures)
        failed = any(each.status == "failed" for each in rows)
        if done.code != int(failed):
            raise WrongError(f"exit code {done.code}: {done.text[-400:]}")
        return " or ".join(dict.fromkeys(f"{r.status}: {r.reason}".rstrip(": ") for r in rows))

    @property
    def refusable(self) -> bool:
        """What cannot be planned with may end in one error, before anything has run."""
        return self.phase in ("import", "__init__") or bool(self.more) or self.file != "row.py"

    def _check(self, record: Record, figures: Figures) -> None:
        if record.status not in self.status.split("|"):
            raise WrongError(f"{record.status} ({record.reason}), not {self.status}")
        if record.status == "ok":
            record.cell.implementation = "row.py:Row"
            check_figures([record], figures)
        elif not any(part in record.reason for part in self.reason.split("|")):
            raise WrongError(f"the reason is {record.reason!r}, without {self.reason!r}")
        if len(record.reason) > 2000:
            raise WrongError(f"a reason of {len(record.reason)} characters")


def _raises() -> Iterator[Fault]:
    for phase in PHASES:
        yield Fault(f"raises in {phase}", phase, "raise ValueError('no luck')", reason="no luck")
    kinds = {
        "KeyboardInterrupt": "raise KeyboardInterrupt('mine')",
        "SystemExit 0": "sys.exit(0)",
        "SystemExit with text": "sys.exit('no luck')",
        "GeneratorExit": "raise GeneratorExit",
        "StopIteration": "raise StopIteration('mine')",
        "BaseException": "raise BaseException('mine')",
        "RecursionError": "f = lambda: f()\nf()",
        "a message of 10 MB": "raise ValueError('x' * 10_000_000)",
        "half a character in the message": "raise ValueError('a\\udcffb')",
        "control characters in the message": "raise ValueError('\\x1b[31m\\x07\\x00\\u202e\\x9b')",
        "Markdown and markup in the message": "raise ValueError('| `a` [red]<b>$x_{:100:}')",
        "lines in the message": "raise ValueError('one\\r\\n| two |\\n\\n# three')",
        "emoji in the message": "raise ValueError('😀 :smile: 漢')",
        "no message": "raise ValueError",
        "a str() that raises": "class E(Exception):\n    def __str__(self): raise KeyError(1)\nraise E",
        "a str() that is no text": "class E(Exception):\n    def __str__(self): return 5\nraise E",
        "a str() that exits": "class E(Exception):\n    def __str__(self): os._exit(3)\nraise E",
        "a name with control characters": "raise type('\\x1bE\\n|', (Exception,), {})('mine')",
        "a name with half a character": "raise type('E\\udcff', (Exception,), {})('mine')",
        "an ExceptionGroup": "raise ExceptionGroup('two', [ValueError(1), KeyError(2)])",
        "a chain of a thousand": "e = None\nfor n in range(1000):\n"
        "    new = ValueError(n)\n    new.__cause__ = e\n    e = new\nraise e",
        "what is no exception": "raise 5",
        "a circle of causes": "a, b = ValueError('a'), ValueError('b')\na.__cause__ = b\n"
        "b.__cause__ = a\nraise a",
        "BrokenPipeError": "raise BrokenPipeError(32, 'mine')",
        "UnicodeDecodeError": "b'\\xff'.decode()",
    }
    for name, code in kinds.items():
        yield Fault(f"raises {name}", "fit", code)
    yield Fault("raises SystemExit in import", "import", "sys.exit(0)")
    yield Fault("raises KeyboardInterrupt in predict", "predict", "raise KeyboardInterrupt")
    yield Fault("imports what is not there", "import", "import no_such_module", "skipped|failed")
    yield Fault("MemoryError", "fit", "raise MemoryError", "out of memory")
    yield Fault("raises at exit", "after", "raise ValueError('no luck')", ANY)
    yield Fault(
        "closes standard error and raises", "fit", "sys.stderr.close()\nraise ValueError(1)"
    )


def _ends() -> Iterator[Fault]:
    for phase in PHASES:
        reason = "exit code 0 before it gave a result|ended"
        yield Fault(f"os._exit(0) in {phase}", phase, "os._exit(0)", reason=reason)
    yield Fault("os._exit(0) after", "after", "os._exit(0)", ANY)
    yield Fault("os._exit(3) after", "after", "os._exit(3)", ANY)
    yield Fault("os._exit(87)", "fit", "os._exit(87)")
    yield Fault("os.abort", "fit", "os.abort()", reason="SIGABRT")
    for name in ("KILL", "TERM", "INT", "HUP", "QUIT", "ABRT", "BUS", "FPE", "ILL", "SEGV", "ALRM"):
        code = f"signal.signal(signal.SIG{name}, signal.SIG_DFL)\n" if name != "KILL" else ""
        code += f"os.kill(os.getpid(), signal.SIG{name})\ntime.sleep(60)"
        yield Fault(f"SIG{name} to itself", "fit", code, reason=f"SIG{name}")
    for phase in ("import", "warm-up", "predict", "again"):
        yield Fault(f"segfault in {phase}", phase, "ctypes.string_at(0)", reason="SIGSEGV")
    yield Fault("segfault after", "after", "ctypes.string_at(0)", ANY)
    yield Fault("a real-time signal", "fit", "os.kill(os.getpid(), signal.SIGRTMIN + 3)")
    yield Fault("SIGKILL to its group", "fit", "os.killpg(0, signal.SIGKILL)")
    yield Fault("becomes true", "fit", "os.execv('/bin/true', ['true'])")
    yield Fault("becomes sleep", "fit", "os.execv('/bin/sleep', ['sleep', '60'])", BAD)
    yield Fault("stack overflow in C", "fit", "sys.setrecursionlimit(10**9)\n"
                "f = lambda n: [*map(f, [n + 1])]\nf(0)", BAD)  # fmt: skip


def _hangs() -> Iterator[Fault]:
    said = {"end of fit": "fit", "again": "predict", "evaluation": "predict"}
    said["predict of the warm-up"] = "predict in the warm-up"
    for phase in (*PHASES, "after"):
        status, reason = "timeout", said.get(phase, phase)
        if phase in ("import", "__init__", "after"):
            status = "timeout|failed"
        code = "time.sleep(3600)"
        yield Fault(
            f"sleeps in {phase}",
            phase,
            code,
            status,
            reason if status == "timeout" else "",
            slow=True,
        )
    ways = {
        "a lock it holds": "lock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        "C, with all signals blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "ctypes.CDLL(None).sleep(3600)",
        "a pipe": "os.read(os.pipe()[0], 1)",
        "a stop of itself": "os.kill(os.getpid(), signal.SIGSTOP)",
        "a stop of its group": "os.killpg(0, signal.SIGSTOP)",
        "an exit that waits": "atexit.register(time.sleep, 3600)\nraise ValueError('no luck')",
    }
    for name, code in ways.items():
        yield Fault(f"waits for {name}", "fit", code, "timeout|failed", slow=True)
    yield Fault("busy for ever", "fit", "while True: pass", "timeout", slow=True)
    thread = "threading.Thread(target=time.sleep, args=(3600,)).start()"
    yield Fault("leaves a thread that does not end", "predict", thread, slow=True)


def _resources() -> Iterator[Fault]:
    eats = "row.eaten_ = []\nwhile True: row.eaten_.append(np.ones(2_000_000))"
    for phase in ("import", "fit", "predict"):
        code = eats.replace("row.eaten_", "eaten")
        yield Fault(f"takes all memory in {phase}", phase, code, "out of memory|failed")
    one = "row.eaten_ = np.ones(1 << 58, np.int8)"
    yield Fault("takes too much at once", "fit", one, "out of memory")
    limits = {
        "NOFILE": (0, 8), "FSIZE": (0, 100), "NPROC": (0,), "STACK": (0, 1 << 16), "CORE": (0,),
        "AS": (1 << 20, 1 << 30), "CPU": (1,), "DATA": (1 << 20,), "MEMLOCK": (0,),
    }  # fmt: skip
    for name, values in limits.items():
        for value in values:
            code = f"resource.setrlimit(resource.RLIMIT_{name}, ({value}, {value}))"
            yield Fault(f"limits {name} to {value}", "fit", code, ANY)
    yield Fault("a limit of no files in predict", "predict",
                "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))", "failed", "write")  # fmt: skip
    yield Fault("opens all files", "fit", "with contextlib.suppress(OSError):\n"
                "    row.files_ = [os.open('/dev/null', 0) for _ in range(10**6)]", ANY)  # fmt: skip
    yield Fault("300 threads that wait", "fit", "for _ in range(300):\n"
                "    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
                "failed", "thread")  # fmt: skip
    yield Fault("prints 60 MB", "fit", "for _ in range(60): print('x' * 999_999)", "ok")
    yield Fault("prints 60 MB in one line", "fit", "print('x' * 60_000_000)", "ok")
    yield Fault("a file of 200 MB in the temporary folder", "fit",
                "Path(tempfile.gettempdir(), 'mine').write_bytes(bytes(200_000_000))", ANY,
                allowed=("mine",))  # fmt: skip


def _processes() -> Iterator[Fault]:
    sleeps = "[sys.executable, '-c', 'import time; time.sleep(3600)']"
    left = "process|left"
    yield Fault("leaves a child", "predict", f"subprocess.Popen({sleeps})", reason=left)
    yield Fault("leaves a child of the import", "import", f"subprocess.Popen({sleeps})", BAD)
    yield Fault("leaves a child of the exit", "after", f"subprocess.Popen({sleeps})", ANY)
    session = f"subprocess.Popen({sleeps}, start_new_session=True)"
    yield Fault("leaves a child in a session of its own", "predict", session, reason=left)
    daemon = (
        "if not os.fork():\n    os.setsid()\n    if not os.fork():\n        {}time.sleep(3600)\n"
    )
    daemon += "    os._exit(0)"
    yield Fault("leaves a daemon", "predict", daemon.format(""), reason=left)
    closed = daemon.format("os.closerange(0, 256); ")
    yield Fault("leaves a daemon with closed files", "predict", closed, reason=left)
    stopped = daemon.format("os.kill(os.getpid(), signal.SIGSTOP); ")
    yield Fault("leaves a stopped daemon", "predict", stopped, reason=left)
    deaf = daemon.format("[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 15)]; ")
    yield Fault("leaves a daemon that ignores signals", "predict", deaf, reason=left)
    many = "for _ in range(30):\n    if not os.fork(): time.sleep(3600)"
    yield Fault("leaves thirty children", "predict", many, BAD)
    chain = "for _ in range(20):\n    if os.fork(): time.sleep(3600)"
    yield Fault("a chain of twenty children", "predict", chain, BAD, slow=True)
    yield Fault("goes on in a child", "fit", "if os.fork(): os._exit(0)", BAD)
    yield Fault("goes on in a child and waits", "fit", "if pid := os.fork():\n"
                "    os.waitpid(pid, 0)\n    os._exit(0)", ANY)  # fmt: skip
    yield Fault("forks and both go on", "fit", "os.fork()", BAD)
    yield Fault("forks in the import and both go on", "import", "os.fork()", BAD)
    yield Fault("a child beside the fit", "fit", f"subprocess.Popen({sleeps})", reason="process")
    yield Fault("a thread beside the fit", "fit",
                "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
                reason="thread")  # fmt: skip
    yield Fault("a zombie", "fit", "if not os.fork(): os._exit(0)", ANY)
    yield Fault("inherits the pipe to a child", "predict", "os.set_inheritable(pipe(), True)\n"
                f"subprocess.Popen({sleeps}, close_fds=False)", reason=left)  # fmt: skip
    yield Fault(
        "a session of its own", "fit", "with contextlib.suppress(OSError): os.setsid()", ANY
    )
    yield Fault("a group of its own", "fit", "os.setpgid(0, os.getppid())", ANY)
    yield Fault("stops the harness", "fit", "os.kill(os.getppid(), signal.SIGCONT)", ANY)
    yield Fault("a pool that is left", "predict", "import multiprocessing\n"
                "row.pool_ = multiprocessing.Pool(2)", ANY, slow=True)  # fmt: skip


def _descriptors() -> Iterator[Fault]:
    for fd in range(10):
        yield Fault(f"closes descriptor {fd}", "fit",
                    f"with contextlib.suppress(OSError): os.close({fd})", ANY, "pipe|descriptor")  # fmt: skip
        yield Fault(f"redirects descriptor {fd}", "fit",
                    f"os.dup2(os.open('/dev/null', os.O_RDWR), {fd})", ANY, "pipe|descriptor")  # fmt: skip
    ways = {
        "closes all from 0": "os.closerange(0, 256)",
        "closes all from 3": "os.closerange(3, 256)",
        "closes all in import": "os.closerange(3, 256)",
        "a pipe that does not block": "os.set_blocking(pipe(), False)",
        "swaps the pipes": "os.dup2(int(sys.argv[1]), pipe())",
        "the pipe on standard output": "os.dup2(pipe(), 1)\nprint('hello', flush=True)",
        "standard output on the pipe": "os.dup2(1, pipe())",
        "a shorter pipe": "import fcntl\nfcntl.fcntl(pipe(), fcntl.F_SETPIPE_SZ, 4096)",
        "reads the orders itself": "os.read(int(sys.argv[1]), 10)",
    }
    for name, code in ways.items():
        phase = "import" if name.endswith("import") else "fit"
        slow = name in ("reads the orders itself",)
        yield Fault(name, phase, code, ANY, slow=slow)
    streams = "sys.stdin = sys.stdout = sys.stderr = None"
    yield Fault("no streams", "fit", streams, "ok")
    yield Fault("no streams, and raises", "fit", streams + "\nraise ValueError('no luck')",
                reason="no luck")  # fmt: skip
    yield Fault("closed streams", "fit", "sys.stdout.close(); sys.stderr.close()", ANY)


PATCHES = (
    "json.dumps", "json.loads", "json.dump", "json.JSONEncoder.encode",
    "time.perf_counter_ns", "time.perf_counter", "time.monotonic", "time.time", "time.sleep",
    "os.write", "os.read", "os.fstat", "os.killpg", "os._exit", "os.getpgrp", "os.fspath",
    "signal.signal", "signal.getsignal", "threading.Thread.start", "threading.enumerate",
    "builtins.open", "builtins.print", "builtins.len", "builtins.isinstance", "builtins.sum",
    "builtins.getattr", "builtins.max", "builtins.type", "builtins.str", "builtins.__import__",
    "np.isfinite", "np.sqrt", "np.mean", "np.clip", "np.asarray", "np.frombuffer",
    "np.ascontiguousarray", "np.random.default_rng", "gc.collect", "gc.disable", "gc.enable",
    "Path.read_bytes", "Path.write_bytes", "Path.read_text", "sys.exit", "sys.modules.get",
)  # fmt: skip


def _patches() -> Iterator[Fault]:
    for name in PATCHES:
        owner, _, attribute = name.rpartition(".")
        code = f"def broken(*_, **__): raise RuntimeError('patched')\n{owner}.{attribute} = broken"
        if owner != "sys.modules":
            yield Fault(f"{name} raises", "fit", code, ANY)
    wrong = {
        "json.dumps": "'{}'", "time.perf_counter_ns": "0", "os.write": "0", "np.isfinite": "True",
        "os._exit": "None", "json.dumps ": "'x' * 10**7", "np.sqrt": "0.0", "copy.deepcopy": "1",
    }  # fmt: skip
    for name, value in wrong.items():
        code = f"import copy\n{name.strip()} = lambda *_, **__: {value}"
        yield Fault(f"{name.strip()} returns {value}", "fit", code, ANY, slow="os.write" in name)
    states = {
        "sys.modules": "sys.modules.clear()", "sys.path": "sys.path.clear()",
        "sys.argv": "sys.argv[:] = ['x']", "os.environ": "os.environ.clear()",
    }  # fmt: skip
    for name, code in states.items():
        yield Fault(f"{name} cleared", "fit", code, ANY)
    yield Fault("sys.modules cleared in import", "import", "sys.modules.clear()", ANY)
    yield Fault("a trace that raises", "fit", "def trace(*_): raise RuntimeError('traced')\n"
                "sys.settrace(trace)", ANY)  # fmt: skip
    yield Fault("a profile that raises", "fit", "def trace(*_): raise RuntimeError('traced')\n"
                "sys.setprofile(trace)", ANY)  # fmt: skip
    yield Fault("an excepthook that exits", "fit", "sys.excepthook = lambda *_: os._exit(0)\n"
                "raise ValueError('no luck')", reason="no luck")  # fmt: skip
    yield Fault("a recursion limit of 30", "fit", "sys.setrecursionlimit(30)", ANY)
    yield Fault("NumPy raises for all", "fit", "np.seterr(all='raise')", ANY)
    yield Fault(
        "warnings are errors", "fit", "import warnings\nwarnings.simplefilter('error')", ANY
    )
    yield Fault("Python's random state", "fit", "np.random.seed(1)\nimport random\nrandom.seed(1)",
                "ok")  # fmt: skip


def _events() -> Iterator[Fault]:
    lines = {
        "no JSON": b"hello\n",
        "an empty line": b"\n",
        "a number": b"5\n",
        "a list": b"[]\n",
        "null": b"null\n",
        "an unknown event": b'{"event": "party"}\n',
        "a forged status": b'{"event": "failed", "status": "ok", "reason": "x"}\n',
        "an empty reason": b'{"event": "failed", "reason": ""}\n',
        "a reason that is a list": b'{"event": "failed", "reason": []}\n',
        "not UTF-8": b"\xff\xfe\n",
        "null bytes": b"\0" * 100 + b"\n",
        "deep nesting": b"[" * 60_000 + b"\n",
        "a NaN": b'{"event": "checkpoint", "epoch": 1, "seconds": NaN, "rmse": 1, "mae": 1, '
        b'"planned": 3, "evaluation_s": 0}\n',
        "a negative epoch": b'{"event": "checkpoint", "epoch": -1, "seconds": 0, "rmse": 1, '
        b'"mae": 1, "planned": 3, "evaluation_s": 0}\n',
        "a huge integer": b'{"event": "checkpoint", "epoch": ' + b"9" * 5000 + b', "seconds": 0, '
        b'"rmse": 1, "mae": 1, "planned": 3, "evaluation_s": 0}\n',
        "a duplicate key": b'{"event": "phase", "event": "failed", "name": "fit"}\n',
        "half an event": b'{"event": "pha',
        "a forged phase": b'{"event": "phase", "name": "predict"}\n',
        "an unknown phase": b'{"event": "phase", "name": "party"}\n',
        "a phase again": b'{"event": "phase", "name": "import"}\n',
        "energy without a device": b'{"event": "energy", "reason": "x"}\n',
        "the phase of energy": b'{"event": "phase", "name": "energy"}\n',
        "control characters in a reason": b'{"event": "failed", "reason": "\\u001b[31m\\u0000"}\n',
        "half a character in a reason": b'{"event": "failed", "reason": "a\\udcffb"}\n',
        "a forged checkpoint": b'{"event": "checkpoint", "epoch": 1, "seconds": 1e-6, "rmse": 0.01, '
        b'"mae": 0.01, "planned": 3, "evaluation_s": 0}\n',
        "a forged failure": b'{"event": "failed", "reason": "mine"}\n',
        "a line ended by CR": b"hello\r",
    }
    for name, line in lines.items():
        yield Fault(
            f"event: {name}", "fit", f"tell({line!r})", BAD if name != "an empty line" else ANY
        )
    for size in (70_000, 50_000_000):
        yield Fault(f"event: a line of {size:,} bytes", "fit", f"tell(b'x' * {size} + b'\\n')")
        yield Fault(f"event: {size:,} bytes, no line", "fit", f"tell(b'x' * {size})")
    yield Fault(
        "event: a million lines", "fit", 'tell(b\'{"event": "evaluating"}\\n\' * 1_000_000)', BAD
    )
    forged = """
        none = dict.fromkeys(["best_epoch", "epoch_s", "val_rmse", "diverged_at", "numerics"])
        ones = dict.fromkeys(["epochs", "epochs_ran", "ended_ns"], 1)
        parts = dict.fromkeys(["import", "warmup", "fit", "predict", "overhead"], {seconds})
        memory = {{"host_peak_bytes": 1, "device_peak_bytes": None}}
        fields = {{**none, **ones, "timed_out": False, "thread_pools": {{}}, "memory": memory}}
        tell(json.dumps({{"event": "result", **fields, "parts": parts}}).encode() + b"\\n")
        {then}
    """
    for phase in ("fit", "again"):
        for name, seconds, then in (
            ("a forged result", 1.0, "os._exit(0)"),
            ("a result of negative seconds", -5.0, "os._exit(0)"),
            ("two results", 1e-9, "pass"),
        ):
            code = forged.format(seconds=seconds, then=then)
            yield Fault(f"event: {name} in {phase}", phase, code, BAD)


def _folders() -> Iterator[Fault]:
    """With a sandbox, a worker sees few of these, and the row may be ok with the right figures."""
    each = "for folder in harness_folders():\n    "
    ways = {
        "removes the folders": ("fit", "import shutil\n" + each + "shutil.rmtree(folder)"),
        "removes the folders in import": ("import", "import shutil\n" + each + "shutil.rmtree(folder)"),
        "removes the folders in predict": ("predict", "import shutil\n" + each + "shutil.rmtree(folder)"),
        "removes the folders after": ("after", "import shutil\n" + each + "shutil.rmtree(folder)"),
        "moves the folders": ("fit", each + "folder.rename(folder.with_name(folder.name + 'x'))"),
        "folders without rights": ("fit", each + "folder.chmod(0)"),
        "changes the ratings": ("fit", each + "[f.write_bytes(bytes(len(f.read_bytes()))) "
                                "for f in folder.glob('train.*')]"),
        "shortens the ratings": ("import", each + "[f.write_bytes(f.read_bytes()[:40]) "
                                 "for f in folder.glob('train.*')]"),
        "changes the test pairs": ("predict", each + "[f.write_bytes(bytes(len(f.read_bytes()))) "
                                   "for f in folder.glob('test.*')]"),
        "a folder in place of the ratings": ("fit", each + "[(f.unlink(), f.mkdir()) "
                                             "for f in folder.glob('train.*')]"),
        "leaves a file of its own": ("fit", each + "(folder / 'mine').write_bytes(b'x')"),
        "leaves a name that is not UTF-8": ("fit", each + "open(os.fsencode(folder) + b'/\\xff', 'w')"),
        "leaves a deep folder": ("fit", each + "(folder / '/'.join('d' * 900)).mkdir(parents=True)"),
        "leaves a folder without rights": ("fit", each + "(folder / 'd' / 'e').mkdir(parents=True)\n"
                                           "    (folder / 'd').chmod(0)"),
    }  # fmt: skip
    for name, (phase, code) in ways.items():
        yield Fault(name, phase, code, ANY)
    one = "for file in Path(tempfile.gettempdir()).glob('ratebench-*/predicted'):\n    "
    predicted = {
        "removed": "file.unlink()",
        "shortened": "os.truncate(file, 40)",
        "emptied": "os.truncate(file, 0)",
        "lengthened": "os.truncate(file, 10**6)",
        "of 10 GB": "os.truncate(file, 10**10)",
        "changed": "file.write_bytes(np.full(len(file.read_bytes()) // 4, 3, np.float32))",
        "a folder": "file.unlink()\n    file.mkdir()",
        "a link to itself": "file.unlink()\n    file.symlink_to(file)",
        "a link to /dev/zero": "file.unlink()\n    file.symlink_to('/dev/zero')",
        "a fifo": "file.unlink()\n    os.mkfifo(file)",
        "without rights": "file.chmod(0)",
    }
    for phase in ("again", "after"):
        for name, code in predicted.items():
            slow = name in ("a fifo",)
            yield Fault(f"predictions {name}, {phase}", phase, one + code, "failed|ok", slow=slow)
    own = {
        "removes its own source": "Path(__file__).unlink()",
        "empties its own source": "Path(__file__).write_text('')",
        "leaves bytes in its own source": "Path(__file__).write_bytes(b'\\xff\\x00')",
    }
    for name, code in own.items():
        yield Fault(name, "fit", f"with contextlib.suppress(OSError): {code}", ANY)
    yield Fault("removes its working folder", "fit", "os.makedirs('d/e')\nos.chdir('d/e')\n"
                "os.rmdir('../e')", ANY)  # fmt: skip


def _answers() -> Iterator[Fault]:
    values = {
        "None": "None", "a number": "3.0", "a text": "'3'", "a list": "[3.0] * len(users)",
        "a tuple": "(3.0,) * len(users)", "a generator": "(3.0 for _ in users)",
        "a set": "{3.0}", "one column": "np.ones((len(users), 1), np.float32)",
        "one row": "np.ones((1, len(users)), np.float32)", "no axis": "np.float32(3)",
        "one too many": "np.ones(len(users) + 1, np.float32)",
        "one too few": "np.ones(len(users) - 1, np.float32)", "nothing": "np.ones(0, np.float32)",
        "objects": "np.full(len(users), 3.0, object)", "texts": "np.full(len(users), '3')",
        "complex": "np.full(len(users), 3 + 1j)", "dates": "np.zeros(len(users), 'M8[s]')",
        "records": "np.zeros(len(users), [('a', 'f4')])", "booleans": "np.ones(len(users), bool)",
        "NaN": "np.full(len(users), np.nan, np.float32)",
        "infinity": "np.full(len(users), np.inf, np.float32)",
        "too large for float32": "np.full(len(users), 1e300)",
        "one NaN": "np.where(np.arange(len(users)) == 0, np.nan, 3).astype(np.float32)",
        "the ids": "users", "a class": "np.ndarray", "the row itself": "row",
    }  # fmt: skip
    for name, value in values.items():
        for phase in ("evaluation", "predict"):
            yield Fault(f"answers {name} in {phase}", phase, f"return ({value},)", BAD)
    noise = "return (np.random.default_rng().normal(3, 1, len(users)).astype(np.float32),)"
    yield Fault("answers noise", "predict", noise, reason="depend")
    good = {
        "other byte order": "astype('>f4')", "float64": "astype(np.float64)",
        "a read-only array": "view()", "every second of an array": "repeat(2)[::2]",
    }  # fmt: skip
    for name, call in good.items():
        code = f"return ((row.mean_ + row.bias_[items]).astype(np.float32).{call},)"
        yield Fault(f"answers {name}", "predict", code, ANY)
    lies = """
        class Lies(np.ndarray):
            def __array_finalize__(self, other): pass
            def astype(self, *_, **__): raise RuntimeError("mine")
            def __len__(self): return 3
            @property
            def shape(self): return (len(users),)
        return (np.ones(2, np.float32).view(Lies),)
    """
    yield Fault("answers an array that lies", "predict", lies, BAD)


def _texts() -> Iterator[Fault]:
    texts = {
        "control characters": "\x1b[31m\x07\u202e", "half a character": "\udcff",
        "Markdown": "| a | `b` [x](y) **c** <b>", "markup": "[red]:smile:[/]", "emoji": "😀漢",
        "lines": "a\n# b\r\n| c |", "100 KB": "x" * 100_000, "nothing": "",
    }  # fmt: skip
    for name, text in texts.items():
        yield Fault(f"a model named by {name}", "none", "", ANY, more=f"Row.model = {text!r}")
        printed = f"print({text!r})\nraise ValueError('no luck')"
        yield Fault(f"prints {name}", "fit", printed, reason="no luck")
    yield Fault("prints what is not UTF-8", "fit", "os.write(1, bytes(range(256)))", ANY)
    for name, value in {"a list": "[1]", "a number": "5", "a class": "Row", "None": "None"}.items():
        yield Fault(f"a model that is {name}", "none", "", ANY, more=f"Row.model = {value}")
    files = {
        "spaces": "a row.py", "a bar": "a|b.py", "markup": "[red]:smile:.py", "emoji": "😀.py",
        "a line break": "a\nb.py", "half a character": "a\udcff.py", "an escape": "a\x1b[31m.py",
        "an equals sign": "a=b.py", "a module's name": "json.py", "many letters": "x" * 240 + ".py",
        "quotes": "a'b\"c.py", "Markdown": "`a`_*b*.py", "a percent sign": "%s{0}.py",
    }  # fmt: skip
    for name, file in files.items():
        code = "raise ValueError('no luck')"
        yield Fault(f"a file named by {name}", "fit", code, "failed|ok", "no luck", file=file)


def _process_state() -> Iterator[Fault]:
    ways = {
        "changes the working folder": "os.chdir('/')",
        "a umask of 0o777": "os.umask(0o777)",
        "nice 19": "os.nice(19)",
        "one core": "os.sched_setaffinity(0, {0})",
        "ignores all signals": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 15)]",
        "a handler for SIGTERM": "signal.signal(signal.SIGTERM, lambda *_: None)",
        "an alarm": "signal.signal(signal.SIGALRM, lambda *_: 1 / 0)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
        "a profiling timer": "signal.setitimer(signal.ITIMER_PROF, 0.001)",
        "becomes nobody": "os.setgid(65534); os.setuid(65534)",
        "not to be dumped": "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)",
        "another name": "ctypes.CDLL(None).prctl(15, b'\\x1b[31m', 0, 0, 0)",
        "no death signal": "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)",
        "a subreaper": "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)",
        "a garbage collector that is on": "gc.enable(); gc.set_threshold(1)",
        "a callback of the garbage collector": "gc.callbacks.append(lambda *_: 1 / 0)",
        "a switch interval of 10 s": "sys.setswitchinterval(10)",
        "an object that raises when it goes": "class D:\n    def __del__(self): raise ValueError\nD()",
        "an object that exits when it goes": "class D:\n    def __del__(self): os._exit(0)\nD()",
        "a fork that raises": "os.register_at_fork(before=lambda: 1 / 0)",
        "an audit hook that raises": "sys.addaudithook(lambda *_: 1 / 0)",
        "a locale": "import locale\nlocale.setlocale(locale.LC_ALL, 'C')",
        "a root folder": "with contextlib.suppress(OSError): os.chroot('.')",
        "a null device that is a file": "Path('null').touch()",
    }
    for name, code in ways.items():
        yield Fault(f"sets {name}", "fit", code, ANY)
    model = {
        "a deep copy that raises": "def d(*_): raise RuntimeError('mine')\nRow.__deepcopy__ = d",
        "a deep copy of nothing": "Row.__deepcopy__ = lambda *_: None",
        "a state that raises": "def d(*_): raise RuntimeError('mine')\nRow.__getstate__ = d",
        "no attributes": "Row.__getattribute__ = lambda *_: 1 / 0",
        "attributes that cannot be set": "def d(*_): raise AttributeError('mine')\n"
        "Row.__setattr__ = d",
        "no predict": "del Row.predict",
        "a predict that is a number": "Row.predict = 5",
    }
    for name, code in model.items():
        yield Fault(f"a model with {name}", "fit", code, ANY)
    classes = {
        "without fit": "del Row.fit",
        "without a device": "class Row:\n    def fit(self, train): pass",
        "with a field without a default": "@dataclass\nclass Row:\n    must: int",
        "with a huge default": "@dataclass\nclass Row(Row):\n    text: str = 'x' * 100_000",
        "with a default of half a character": "@dataclass\nclass Row(Row):\n    text: str = '\\udcff'",
        "that is a number": "Row = 5",
        "with syntax that is wrong": "def (",
    }
    for name, more in classes.items():
        yield Refused(f"a class {name}", more)


def refusal(done: Done) -> str:
    """The error of a run that was refused. Raises WrongError where it is not one line."""
    if not done.err.startswith("error: ") or done.err.count("\n") > 3:
        raise WrongError(f"exit code 2 without an error: {done.text[-400:]}")
    return f"refused: {done.err.strip()[:200]}"


@dataclass(frozen=True)
class Refused:
    """What cannot be planned ends in one error, before anything has run; else it fails as a row."""

    name: str
    more: str
    slow = False
    allowed = ()

    def run(self, place: Place, figures: Figures) -> str:
        row = f"{place.row(more=self.more)}:Row"
        words = ["--impl", "bias", "--impl", row, "--dataset", "ratings.csv", "--seeds", "2"]
        done = place.bench("run", *words)
        if done.code == 2:
            return refusal(done)
        records = check_honest(place, figures)
        rows = [each for each in records if key_of(each)[0] != "bias"]
        check_figures([each for each in rows if each.status == "ok"], figures)
        return " or ".join(dict.fromkeys(f"{r.status}: {r.reason}".rstrip(": ") for r in rows))


def cases() -> list[Case]:
    families = (
        *(_raises, _ends, _hangs, _resources, _processes, _descriptors, _patches, _events),
        *(_folders, _answers, _texts, _process_state),
    )
    faults = [fault for family in families for fault in family()]
    return [Case(KIND, each.name, each.run, each.allowed, each.slow) for each in faults]
