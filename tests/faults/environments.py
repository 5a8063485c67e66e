"""Environments and limits: a line of bash before the command, and what may come of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.case import Case, check_figures
from tests.faults.place import PYTHON, Figures, Place, WrongError, key_of

KIND = "environments"
ROWS = ("--impl", "bias", "--impl", "row.py:Row", "--dataset", "ratings.csv")
RUN = ("run", *ROWS, "--seeds", "1")
WORKS = (0,)
OR_ERROR = (0, 1, 2)
"""It works, or there is one error and what was finished is recorded."""


@dataclass(frozen=True)
class Environment:
    """`shell` comes before the command. With exit code 0 both rows are recorded, with the figures
    of an untroubled run; else the output has `says`, where there is any.

    words    of the command, where it is not a run
    after    a line of bash after the case, that undoes what is outside its folder
    hidden   it cannot be seen what the command printed
    """

    name: str
    shell: str
    codes: tuple[int, ...] = OR_ERROR
    says: str = "error|warning|cannot|failed|No space|no room|out of memory"
    words: tuple[str, ...] = RUN
    allowed: tuple[str, ...] = ()
    hidden: bool = False
    slow: bool = False

    def run(self, place: Place, figures: Figures) -> str:
        place.row()
        if self.words[0] in ("report", "compare"):
            place.bench(*RUN)
        shell = self.shell.replace("/nowhere", f"{place.folder}/nowhere")  # root could make it
        done = place.bench(*self.words, shell=shell)
        if done.code not in self.codes:
            raise WrongError(f"exit code {done.code}, not {self.codes}: {done.text[-600:]}")
        if done.code and not self.hidden and not re.search(self.says, done.text):
            raise WrongError(f"exit code {done.code} without {self.says!r}: {done.text[-600:]}")
        if self.words[0] == "run":
            self._check(place, figures, done)
        lines = (done.err or done.out).strip().splitlines()
        shown = [line for line in lines if line.startswith("error: ")] or lines
        return f"exit code {done.code}" + (f": {shown[0]}" if shown and done.code else "")

    def _check(self, place: Place, figures: Figures, done) -> None:
        if done.code < 0 or done.code > 128:  # it was killed, and the next run sweeps
            words = ("--impl", "global_mean", "--dataset", "ratings.csv", "--seeds", "1")
            place.bench("run", *words, "--out", "other")
        unwritten = place.unwritten()
        records, _ = place.records()
        found = [
            each for each in (*records, *unwritten) if each.status not in ("failed", "skipped")
        ]
        check_figures(found, figures)
        keys = sorted(map(key_of, found))
        if done.code == 0 and keys != [("Row", 0), ("bias", 0)]:
            raise WrongError(f"exit code 0, and records of {keys}: {done.text[-600:]}")
        finished = len(re.findall(r"^\[\d/\d\] .* RMSE ", done.out, re.MULTILINE))
        if finished > len(set(keys)) or len(set(keys)) != len(keys):
            raise WrongError(f"{finished} cells were finished, and records are of {keys}")
        for each in (*records, *unwritten):
            if each.status == "failed" and "harness" not in each.reason and done.code == 0:
                raise WrongError(f"failed: {each.reason}")


def _mounted(*lines: str) -> str:
    """With file systems of its own."""
    user = "" if os.getuid() == 0 else "r"
    return f'exec unshare -m{user} bash -c \'{"; ".join(lines)}; exec "$@"\' bash "$@"'


def _results_on(size: str) -> str:
    """With a small file system for the results, which stay when it is gone."""
    lines = f"""
        mkdir results kept; mount -t tmpfs -o size={size} none results
        "$@"; code=$?; cp -r results/. kept; umount -l results; cp -r kept/. results; exit $code
    """
    return f"exec unshare -m{'r' if os.getuid() else ''} bash -c '{lines}' bash \"$@\""


def _limits() -> Iterator[Environment]:
    for option, values in {
        "f": (0, 1, 2, 4, 8, 16, 64, 1024),
        "n": (10, 13, 16, 20, 24, 32, 64),
        "v": (1_500_000, 4_000_000),
        "s": (64, 256, "unlimited"),
        "l": (0,), "c": ("unlimited",), "t": (1,), "i": (0,), "q": (0,), "d": (1_000_000,),
    }.items():  # fmt: skip
        for value in values:
            yield Environment(f"ulimit -{option} {value}", f"ulimit -{option} {value}",
                              (*OR_ERROR, -9, -24, 134, 139, 137, 152, -11, 127),
                              says="")  # fmt: skip
    # Of root's rights nobody keeps that to read, for the interpreter may lie in root's home.
    user = "exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_read_search"
    user += ' --ambient-caps +dac_read_search {} "$@"'
    nobody = "chmod -R a+rwX .. ; " + user
    yield Environment("as nobody", nobody.format(""), WORKS)
    processes = "bash -c 'ulimit -u {}; exec \"$@\"' bash"
    # Where it can start no thread, OpenBLAS interrupts its process, and Arrow aborts it.
    for n in (1, 3, 12):
        yield Environment(f"as nobody, ulimit -u {n}", nobody.format(processes.format(n)),
                          (*OR_ERROR, 130, -6), says="")  # fmt: skip
    yield Environment("as nobody, folders of root", user.format(""))


def _folders() -> Iterator[Environment]:
    for size in ("4k", "8k", "16k", "32k", "256k"):
        mount = f"mount -t tmpfs -o size={size} none $TMPDIR"
        yield Environment(f"TMPDIR of {size}", _mounted(mount))
        yield Environment(f"results on {size}", _results_on(size))
        mount = f"mount -t tmpfs -o size={size} none $RATEBENCH_CACHE"
        yield Environment(f"cache of {size}", _mounted(mount))
    for name, folder in (("TMPDIR", "$TMPDIR"), ("cache", "$RATEBENCH_CACHE"),
                         ("lock folder", "$RATEBENCH_LOCK"), ("home", "$HOME")):  # fmt: skip
        mount = f"mount -t tmpfs -o ro none {folder}"
        yield Environment(f"{name} read-only", _mounted(mount))
        yield Environment(f"{name} missing", f"rmdir {folder}")
        yield Environment(f"{name} a file", f"rmdir {folder}; touch {folder}")
        yield Environment(f"{name} a link to nowhere", f"rmdir {folder}; ln -s /nowhere {folder}")
        yield Environment(f"{name} without inodes",
                          _mounted(f"mount -t tmpfs -o nr_inodes=1 none {folder}"))  # fmt: skip
    yield Environment("TMPDIR relative", "export TMPDIR=.", WORKS)
    yield Environment("TMPDIR empty", "export TMPDIR=", WORKS)
    yield Environment("TMPDIR with spaces and UTF-8",
                      "mkdir '../tmp/a 😀 b'; export TMPDIR=\"$TMPDIR/a 😀 b\"", WORKS,
                      allowed=("a 😀 b",))  # fmt: skip
    yield Environment("TMPDIR not UTF-8", "mkdir $'../tmp/\\xff'; export TMPDIR=$TMPDIR/$'\\xff'",
                      allowed=("\udcff",))  # fmt: skip
    yield Environment("noexec TMPDIR", _mounted("mount -t tmpfs -o noexec none $TMPDIR"), WORKS)
    results = {
        "a file": "touch results", "a link to nowhere": "ln -s /nowhere/x results",
        "a link to a folder": "mkdir other; ln -s other results",
        "read-only": _mounted("mkdir results", "mount -t tmpfs -o ro none results"),
        "a records folder that is a file": "mkdir results; touch results/records",
        "a record file that is a folder": "mkdir -p results/records/x.jsonl",
        "a lock that is a link": "mkdir -p results/records; ln -s /etc/passwd results/records/.lock",
        "a lock that is a folder": "mkdir -p results/records/.lock",
        "/dev/null": "ln -s /dev/null results", "a link to itself": "ln -s results results",
        "a fifo among the records": "mkdir -p results/records; mkfifo results/records/x.jsonl",
    }  # fmt: skip
    for name, shell in results.items():
        yield Environment(f"results: {name}", shell)
    data = {
        "read-only": "chmod 444 ratings.csv", "a link": "mv ratings.csv r; ln -s r ratings.csv",
        "empty": ": > ratings.csv", "a folder": "rm ratings.csv; mkdir ratings.csv",
        "a fifo": "rm ratings.csv; mkfifo ratings.csv", "missing": "rm ratings.csv",
        "/dev/zero": "ln -sf /dev/zero ratings.csv", "/dev/full": "ln -sf /dev/full ratings.csv",
        "null bytes": "head -c 10000 /dev/zero > ratings.csv",
        "one line": "head -1 ratings.csv > x; mv x ratings.csv",
        "random bytes": "head -c 100000 /dev/urandom > ratings.csv",
        "a half line at its end": "printf 'u1,i1' >> ratings.csv",
        "CRLF": "sed -i 's/$/\\r/' ratings.csv", "a BOM": "sed -i '1s/^/\\xef\\xbb\\xbf/' ratings.csv",
    }  # fmt: skip
    for name, shell in data.items():
        yield Environment(f"ratings: {name}", shell, says="error")
    yield Environment("RATEBENCH_DATA is a file", "touch x; export RATEBENCH_DATA=x")
    yield Environment("working folder removed",
                      "mkdir d; cd d; rmdir ../d", says="error")  # fmt: skip
    yield Environment("working folder read-only", _mounted("mount --bind -o ro . .", 'cd "$PWD"'))
    yield Environment("deep working folder", "mkdir results; for i in $(seq 60); do mkdir a-long-name-of-a-folder;"
                      " cd a-long-name-of-a-folder; done; cp ~/../folder/*.* .; ln -s ~/../folder/results .", WORKS)  # fmt: skip


def _streams() -> Iterator[Environment]:
    streams = {"0": "<&-", "1": ">&-", "2": "2>&-", "1 and 2": ">&- 2>&-", "all": "<&- >&- 2>&-"}
    for name, closed in streams.items():
        yield Environment(f"closed stream {name}", f"exec {closed}", hidden=True)
    for name, to in {"1": ">/dev/full", "2": "2>/dev/full", "1 and 2": ">/dev/full 2>&1"}.items():
        yield Environment(f"/dev/full as stream {name}", f"exec {to}", hidden=True)
    yield Environment("standard output to a pipe that is closed",
                      '"$@" | true; exit ${PIPESTATUS[0]}', (0, 1, 2, 141, -13), hidden=True)  # fmt: skip
    yield Environment("standard input /dev/zero", "exec < /dev/zero", WORKS)
    yield Environment("all descriptors to 200 taken",
                      "for n in $(seq 10 200); do eval \"exec $n</dev/null\"; done", WORKS)  # fmt: skip
    for name in ("doctor", "list"):
        yield Environment(f"{name} to /dev/full", "exec >/dev/full", (0, 1, 2), words=(name,),
                          hidden=True)  # fmt: skip


def _variables() -> Iterator[Environment]:
    settings = [
        "LC_ALL=C", "LC_ALL=POSIX PYTHONUTF8=0 PYTHONCOERCECLOCALE=0", "LC_ALL=xx_YY.nonsense",
        "PYTHONIOENCODING=ascii", "PYTHONIOENCODING=latin-1:strict",
        "PYTHONUTF8=1", "TERM=", "TERM=dumb", "TERM=xterm-256color COLORTERM=truecolor", "NO_COLOR=1", "COLUMNS=1", "COLUMNS=0", "COLUMNS=-5", "COLUMNS=x",
        "COLUMNS=1000000", "LINES=0", "PYTHONDONTWRITEBYTECODE=1", "PYTHONOPTIMIZE=2",
        "PYTHONWARNINGS=error", "PYTHONHASHSEED=random", "PYTHONUNBUFFERED=1", "PYTHONDEVMODE=1",
        "PYTHONMALLOC=debug", "PYTHONTRACEMALLOC=1", "PYTHONINTMAXSTRDIGITS=640",
        "PYTHONSAFEPATH=1", "PYTHONNOUSERSITE=1", "PYTHONSTARTUP=/nowhere", "PYTHONFAULTHANDLER=1",
        "PYTHONBREAKPOINT=0", "PYTHONPROFILEIMPORTTIME=1", "HOME=/nowhere", "HOME=", "HOME=relative",
        "TZ=Nowhere/Nothing", "TZ=", "OMP_NUM_THREADS=0", "OMP_NUM_THREADS=x", "OPENBLAS_NUM_THREADS=-3",
        "MALLOC_ARENA_MAX=1", "CUDA_VISIBLE_DEVICES=x", "LD_PRELOAD=/nowhere.so", "PATH=",
        "GIT_DIR=/nowhere", "RATEBENCH_CACHE=", "RATEBENCH_LOCK=", "RATEBENCH_LOCK=/nowhere",
        "RATEBENCH_CACHE=/proc/x", "RATEBENCH_DATA=/nowhere", "XDG_CACHE_HOME=x", "USER= LOGNAME=",
        "SHELL=/nowhere", "MPLBACKEND=nonsense", "MPLCONFIGDIR=/nowhere", "NUMBA_DISABLE_JIT=1",
    ]  # fmt: skip
    for each in settings:
        codes = (
            OR_ERROR if re.search("nowhere.so|PATH=$|CACHE=/proc|WARNINGS=error", each) else WORKS
        )
        yield Environment(each, f"export {each}", codes)
    for name in ("HOME", "PATH", "TERM", "LANG", "USER"):
        yield Environment(f"without {name}", f"unset {name}", WORKS)
    yield Environment("a name that is not UTF-8", "export X=$'\\xff' $'Y=\\xff'", WORKS)
    yield Environment(
        "a variable of 100 KB", "export X=$(head -c 100000 /dev/zero | tr '\\0' x)", WORKS
    )
    yield Environment("no variables but PYTHONPATH", 'exec env -i PYTHONPATH=$PYTHONPATH '
                      'TMPDIR=$TMPDIR HOME=$HOME RATEBENCH_LOCK=$RATEBENCH_LOCK "$@"', WORKS)  # fmt: skip
    modules = {
        "a json.py in the working folder": "echo 'raise ValueError(1)' > json.py",
        "a numpy that cannot be imported": "mkdir m; echo 'raise ImportError(1)' > m/numpy.py; "
        "export PYTHONPATH=m:$PYTHONPATH",
        "a torch that cannot be imported": "mkdir m; echo 'raise ImportError(1)' > m/torch.py; "
        "export PYTHONPATH=m:$PYTHONPATH",
        "a matplotlib that cannot be imported": "mkdir m; echo 'raise ImportError(1)' > "
        "m/matplotlib.py; export PYTHONPATH=m:$PYTHONPATH",
        "a psutil that cannot be imported": "mkdir m; echo 'raise ImportError(1)' > m/psutil.py; "
        "export PYTHONPATH=m:$PYTHONPATH",
        "a sitecustomize that prints": "mkdir m; echo 'print(1)' > m/sitecustomize.py; "
        "export PYTHONPATH=m:$PYTHONPATH",
    }
    for name, shell in modules.items():
        works = "working" in name or "torch" in name or "matplotlib" in name or "prints" in name
        yield Environment(name, shell, WORKS if works else OR_ERROR, says="")
    point = "mkdir -p m/x.dist-info; printf 'Metadata-Version: 2.1\\nName: x\\nVersion: 1\\n' > " \
        "m/x.dist-info/METADATA; printf '[ratebench.implementations]\\n{}\\n' > " \
        "m/x.dist-info/entry_points.txt; export PYTHONPATH=$PWD/m:$PYTHONPATH"  # fmt: skip
    for name, line in {"of no module": "x = nowhere:Row", "of no class": "x = json:Row",
                       "with a built-in's name": "bias = json:loads", "torn": "x = ",
                       "not UTF-8": "\\xff = a:b"}.items():  # fmt: skip
        yield Environment(f"an entry point {name}", point.format(line), OR_ERROR)
        yield Environment(
            f"list, an entry point {name}", point.format(line), OR_ERROR, words=("list",)
        )


def _around() -> Iterator[Environment]:
    holds = f"{PYTHON} -c \"import fcntl,os,sys; f=open(os.environ['RATEBENCH_LOCK']+'/ratebench.lock','w');" \
        " fcntl.flock(f,2); print(1,flush=True); sys.stdin.read(1)\""  # fmt: skip
    yield Environment("the lock held by another run for a while",
                      f"coproc {holds}; read -u ${{COPROC[0]}} x; "
                      "exec 4>&${COPROC[1]}; (\"$@\" 2>&1 | while read -r line; do echo \"$line\"; case $line in "
                      "*wait*) echo >&4;; esac; done; exit ${PIPESTATUS[0]})", WORKS)  # fmt: skip
    yield Environment("nice 19", 'exec nice -n 19 "$@"', WORKS)
    yield Environment("one core", 'exec taskset -c 0 "$@"', WORKS)
    yield Environment("idle scheduling", 'exec chrt -i 0 "$@"', WORKS)
    yield Environment("signals blocked", f"exec {PYTHON} -c 'import os,signal,sys; "
                      "signal.pthread_sigmask(signal.SIG_BLOCK, {1,2,3,13,14,15,17}); "
                      "os.execvp(sys.argv[1], sys.argv[1:])' \"$@\"", WORKS)  # fmt: skip
    yield Environment("signals ignored", "trap '' HUP INT QUIT TERM PIPE CHLD USR1", WORKS)
    yield Environment("umask 0777", "umask 0777")
    yield Environment("umask 0", "umask 0", WORKS)
    yield Environment("without /proc", _mounted("mount -t tmpfs none /proc"))
    yield Environment(
        "without /dev/shm", _mounted("mount -t tmpfs -o size=4k,nr_inodes=1 none /dev/shm")
    )
    yield Environment("no network", 'exec unshare -n "$@"', WORKS)
    yield Environment("in a namespace of processes", 'exec unshare -fp --mount-proc "$@"', WORKS)
    yield Environment(
        "without git", "mkdir m; ln -s $(command -v bash env) m; export PATH=$PWD/m", WORKS
    )
    yield Environment("a git that fails", "mkdir m; printf '#!/bin/bash\\nexit 1' > m/git; "
                      "chmod +x m/git; export PATH=$PWD/m:$PATH", WORKS)  # fmt: skip
    yield Environment("a git that hangs", "mkdir m; printf '#!/bin/bash\\nexec sleep 1000' > m/git; "
                      "chmod +x m/git; export PATH=$PWD/m:$PATH", WORKS, slow=True)  # fmt: skip
    yield Environment("a git that prints bytes", "mkdir m; printf '#!/bin/bash\\nhead -c 5000 "
                      "/dev/urandom' > m/git; chmod +x m/git; export PATH=$PWD/m:$PATH", WORKS)  # fmt: skip
    for verb, words in {"report": ("report",), "data": ("data", "ratings.csv"),
                        "tune": ("tune", "study.toml", "--trials", "2")}.items():  # fmt: skip
        study = "printf 'description = \"x\"\\ndataset = \"ratings.csv\"\\nimplementations = [\"bias\"]\\n" \
            "[space]\\nuser_damping = { low = 0.1, high = 50.0, log = true }\\n' > study.toml; "  # fmt: skip
        for name, shell in {
            "ulimit -f 0": "ulimit -f 0", "ulimit -f 4": "ulimit -f 4",
            "a full results folder": _mounted("mkdir -p results",
                                              "mount -t tmpfs -o size=8k none results"),
            "a read-only results folder": _mounted("mkdir -p results",
                                                   "mount -t tmpfs -o ro none results"),
            "a full TMPDIR": _mounted("mount -t tmpfs -o size=4k none $TMPDIR"),
            "a full cache": _mounted("mount -t tmpfs -o size=4k none $RATEBENCH_CACHE"),
            "HOME unset": "unset HOME",
        }.items():  # fmt: skip
            yield Environment(f"{verb}, {name}", study + shell, words=words)


def cases() -> list[Case]:
    families = (_limits, _folders, _streams, _variables, _around)
    found = [each for family in families for each in family()]
    return [Case(KIND, each.name, each.run, each.allowed, each.slow) for each in found]
