"""Real revisions in real processes: what was done to head on purpose is found."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.gate import session
from bench.gate.command import compare
from bench.gate.errors import ForeignError, GateError, SideError
from bench.gate.session import Session
from bench.gate.side import Checkout as Place
from bench.gate.side import Process, Ready, timing_core
from bench.gate.statistics import BROKEN, PASSED, UNDECIDED, CriticalValues, Series
from tests.bench.gate.conftest import Checkout
from tests.support.gate_runs import request_of

CODE = "def work(n):\n    return sum(range(n))\n"
WORKLOADS = """\
import os
import re
from pathlib import Path
import numpy as np
from code_to_time import work

def test_same(benchmark):
    benchmark(lambda: np.array([work(1000)]))

def test_deleted(benchmark):
    benchmark(work, 1000)

def test_crash(benchmark):
    benchmark(work, 1000)

def test_error(benchmark):
    benchmark(work, n=1000)

def test_later(benchmark):
    benchmark(work, 1000)

def test_twice(benchmark):
    benchmark(work, 1000)

def test_answer(benchmark):
    assert benchmark(work, 1000) > 0

def test_surroundings(benchmark):
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["MALLOC_MMAP_MAX_"] == "0"
    array = np.ones(2**23)  # 64 MB, for which NumPy requests huge pages
    memory = Path("/proc/self/smaps_rollup")
    assert not memory.exists() or re.search(r"^AnonHugePages: +0 kB$", memory.read_text(), re.M)
    benchmark(lambda: hash("the same on both sides"))
"""

BROKEN_ONES = ("deleted", "new", "crash", "error", "later", "twice")
TWO_ROUNDS = {
    "time_limit_s": 600.0,
    "levels": lambda _: {2: CriticalValues(math.inf, math.inf)},
}
"""Of each workload, and nothing is decided."""
LATER = "test_later(benchmark):\n    answers = iter([1])\n    benchmark(lambda: next(answers))"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here judges a timing, so a stretch may be short."""
    monkeypatch.setattr(session, "SHORTEST_NS", 1)


@pytest.mark.alone
def test_sabotage_of_head_is_reported_row_by_row(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Head is a dirty tree: a workload deleted, one new, some fail, one returns another answer."""
    checkout.commit(code_to_time=CODE, tests__speed__test_w=WORKLOADS)
    head = (
        WORKLOADS.replace("test_deleted", "test_new")
        .replace("def test_crash(benchmark):", "def test_crash(benchmark):\n    os._exit(7)")
        .replace("n=1000", "m=1000")
        .replace("test_later(benchmark):\n    benchmark(work, 1000)", LATER)
        .replace("test_twice(benchmark):", "test_twice(benchmark):\n    benchmark(work, 1)")
    )
    checkout.write(
        code_to_time=CODE.replace("range(n))", "range(n)) + 1"), tests__speed__test_w=head
    )
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    # Another tree's code, which must not be imported in place of its own.
    Checkout(tmp_path / "elsewhere").write(code_to_time="raise SystemExit")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    shown: list[str] = []

    code = compare(request_of(tmp_path, **TWO_ROUNDS), checkout.root, shown.append, shown.append)

    assert code == BROKEN
    raw = json.loads((tmp_path / "raw.json").read_text())
    verdicts = {name: series["verdict"] for name, series in raw["workloads"].items()}
    assert {name: verdicts[name] for name in BROKEN_ONES} == {
        "deleted": "REMOVED",
        "new": "new",
        "crash": "BROKEN",
        "error": "BROKEN",
        "later": "BROKEN",
        "twice": "BROKEN",
    }
    assert "ended while timed: " in raw["workloads"]["later"]["reason"]
    assert "calls benchmark twice" in raw["workloads"]["twice"]["reason"]
    assert "head died with exit code 7" in raw["workloads"]["crash"]["reason"]
    assert "unexpected keyword argument 'm'" in raw["workloads"]["error"]["reason"]
    assert verdicts["same"] == verdicts["surroundings"] == "INCONCLUSIVE"
    changed = {name for name, series in raw["workloads"].items() if series["changed"]}
    assert changed == {"same", "answer"}
    assert "with uncommitted changes" in raw["head"]["label"]

    text = shown[-1]
    assert "OUTPUT CHANGED" in text
    assert text in (tmp_path / "summary.md").read_text()
    rows = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")}
    assert rows >= verdicts.keys()


def test_the_machine_is_held_while_the_sides_are_timed(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    @contextmanager
    def exclusive(_: object) -> Iterator[None]:
        held.append(True)
        yield
        held.append(False)

    def run(_: object) -> None:
        assert held == [True]

    monkeypatch.setattr("bench.cell.locks.exclusive", exclusive)
    monkeypatch.setattr("bench.gate.session.Session.run", run)
    checkout.commit(code_to_time=CODE)
    compare(request_of(tmp_path), checkout.root, print, print)
    assert held == [True, False]


def test_raw_timings_have_their_order_and_their_times(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit(code_to_time=CODE, tests__speed__test_w=WORKLOADS)
    only = request_of(tmp_path, only=("same",))
    assert compare(only, checkout.root, print, print) == UNDECIDED
    raw = json.loads((tmp_path / "raw.json").read_text())
    (quads,) = raw["workloads"]["same"]["rounds"]
    assert {quad["order"] for quad in quads} == {"ABBA", "BAAB"}
    # Never two at a time: each stretch starts after the end of the one before, the control's too.
    stretches = sorted(
        (timing["started_ns"], timing["ns"])
        for quad in [*quads, *raw["control"]["rounds"][0]]
        for timing in quad["timings"]
    )
    assert len(stretches) == 8 * session.QUADS
    for (start, ns), (after, _) in itertools.pairwise(stretches):
        assert start + ns <= after


@pytest.mark.parametrize("end", [SideError, KeyboardInterrupt])
def test_what_was_timed_is_shown_and_written_whatever_ends_the_session(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    def run(session: Session) -> None:
        session.workloads["w"] = Series()
        raise end

    monkeypatch.setattr("bench.gate.session.Session.run", run)
    checkout.commit(code_to_time=CODE)
    shown: list[str] = []
    with pytest.raises(end):
        compare(request_of(tmp_path), checkout.root, shown.append, print)
    assert "BROKEN: ended too early, with w still open." in shown[-1]
    assert json.loads((tmp_path / "raw.json").read_text())["workloads"]["w"]["verdict"] is None


def test_the_table_and_the_file_do_not_wait_for_each_other(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.commit(code_to_time=CODE)
    request = request_of(tmp_path)

    def closed(_: str) -> None:
        assert not request.out.exists()
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        compare(request, checkout.root, closed, print)
    assert request.out.is_file()


def test_what_an_earlier_run_left_is_not_taken_for_this_ones(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.commit(code_to_time=CODE)
    (tmp_path / "raw.json").write_text('{"schema": 2, "loops": {}, "workloads": {}}')
    with pytest.raises(GateError, match="no revision"):
        compare(request_of(tmp_path, base="no-such-branch"), checkout.root, print, print)
    assert not (tmp_path / "raw.json").exists()


def test_sabotage_a_worker_that_imports_another_tree_breaks_the_gate(
    checkout: Checkout, tmp_path: Path
) -> None:
    Checkout(tmp_path / "elsewhere").write(code_to_time=CODE)
    checkout.commit(code_to_time=CODE, tests__speed__test_w=WORKLOADS)
    sneaky = f"import sys\nsys.path.insert(0, {str(tmp_path / 'elsewhere')!r})\n{WORKLOADS}"
    checkout.write(tests__speed__test_w=sneaky)
    with pytest.raises(
        ForeignError, match=r"head imported .* outside its tree: code_to_time: .*elsewhere"
    ):
        compare(request_of(tmp_path), checkout.root, print, print)


def test_a_base_of_another_layout_is_compared_with_a_head_after_the_move(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Both trees have a package `bench`, as the installed one is called, with its own modules."""
    workload = "from {} import work\n\ndef test_same(benchmark):\n    benchmark(work, 1000)\n"
    at = "bench.data", "bench.cell.data"
    (checkout.root / "bench").mkdir()
    (checkout.root / "bench/__init__.py").write_text("")
    checkout.commit(bench__data=CODE, tests__speed__test_w=workload.format(at[0]))
    (checkout.root / "bench/cell").mkdir()
    checkout.git("mv", "bench/data.py", "bench/cell/data.py")
    checkout.commit(tests__speed__test_w=workload.format(at[1]))
    request = request_of(tmp_path, base="HEAD~1", head="HEAD", **TWO_ROUNDS)
    assert compare(request, checkout.root, print, print) == UNDECIDED
    (series,) = json.loads((tmp_path / "raw.json").read_text())["workloads"].values()
    assert len(series["rounds"]) == 2
    assert not series["changed"]


INSTALLED = """\
import sys
sys.path.insert(0, {!r})
import installed

def test_folder(benchmark, tmp_path):
    benchmark(lambda: len(str(tmp_path)))
"""


def test_debians_packages_are_installed_ones_and_temporary_folders_go_with_the_trees(
    checkout: Checkout, tmp_path: Path
) -> None:
    Checkout(tmp_path / "dist-packages").write(installed="")
    checkout.commit(tests__speed__test_w=INSTALLED.format(str(tmp_path / "dist-packages")))
    assert compare(request_of(tmp_path), checkout.root, print, print) == UNDECIDED
    (workload,) = json.loads((tmp_path / "raw.json").read_text())["workloads"].values()
    assert not workload["changed"], "paths are of one length"
    assert not list((tmp_path / "tmp").glob("pytest-of-*"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import no_such_module", "head cannot be collected: .*no_such_module"),
        (f"{WORKLOADS}\nclass TestMore:\n    def test_same(self): ...", "have one name"),
    ],
    ids=["no import", "two of one name"],
)
def test_workloads_that_cannot_be_collected_break_the_gate(
    checkout: Checkout, tmp_path: Path, text: str, error: str
) -> None:
    checkout.commit(code_to_time=CODE, tests__speed__test_w=WORKLOADS)
    checkout.write(tests__speed__test_w=text)
    with pytest.raises(GateError, match=f"(?s){error}"):
        compare(request_of(tmp_path), checkout.root, print, print)


def test_a_base_without_workloads_measures_nothing(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit(code_to_time=CODE)
    checkout.write(tests__speed__test_w=WORKLOADS)
    shown: list[str] = []
    assert compare(request_of(tmp_path), checkout.root, shown.append, print) == BROKEN
    assert "nothing was measured" in shown[-1]


HANGS = """\
calls = []

def work():
    calls.append(1)
    while len(calls) > 1:
        pass

def test_hang(benchmark):
    benchmark(work)
"""


def test_sabotage_a_workload_that_hangs_is_reported_and_killed(checkout: Checkout) -> None:
    """Its untimed call ends, the next one never does."""
    checkout.write(tests__speed__test_w=HANGS)
    place = Place(Path(sys.executable), checkout.root)
    with Process("head", place, hash_seed=0, core=timing_core(), patience_s=60) as process:
        process.names()
        process.begin(["hang"])
        assert isinstance(process.ready(), Ready)
        process.patience_s = 0.2
        with pytest.raises(SideError, match=r"head hangs: no answer for 0\.2 s"):
            process.time(1)
    assert not psutil.pid_exists(process.pid)


def hanging_workload(fifo: Path, first: str = "pass") -> str:
    """A workload that hangs, and holds a FIFO open until it is gone."""
    return f"""\
import os

def test_hang(benchmark):
    {first}
    os.open({str(fifo)!r}, os.O_WRONLY)
    while True:
        pass
"""


def ended(reader: int) -> bool:
    """Whether what held the FIFO open is gone, or goes within half a minute."""
    return bool(wait([reader], timeout=30)) and not os.read(reader, 1)


def test_a_worker_that_hangs_with_its_pipe_closed_is_reported(
    checkout: Checkout, tmp_path: Path
) -> None:
    """As one does whose threads do not end when Python exits."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    hangs = hanging_workload(fifo, first="os.closerange(3, 99)")
    checkout.write(tests__speed__test_w=hangs)
    place = Place(Path(sys.executable), checkout.root)
    with Process("head", place, hash_seed=0, core=timing_core(), patience_s=60) as process:
        process.names()
        process.begin(["hang"])
        os.close(os.open(fifo, os.O_RDONLY))
        process.patience_s = 0.1
        with pytest.raises(SideError, match="head hangs: its pipe is closed"):
            process.ready()


GATE = [sys.executable, "-c", "from bench.cli import main; main()", "gate"]


def bench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GATE, *words], cwd=folder, capture_output=True, text=True)


def test_the_command_ends_with_the_gates_own_codes(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 for what is undecided where that is requested; 3 and one line for a user's mistake."""
    checkout.commit(code_to_time=CODE, tests__speed__test_w=WORKLOADS)
    words = ("--workload", "same", "--time-limit", "1", "--inconclusive", "pass")
    undecided = bench(checkout.root, "HEAD", *words)
    assert undecided.returncode == PASSED
    assert "| same" in undecided.stdout
    assert "INCONCLUSIVE: same undecided." in undecided.stdout
    assert (checkout.root / ".benchmarks/gate.json").is_file()

    monkeypatch.chdir(checkout.root)
    wrong = CliRunner().invoke(app, ["gate", "no-such-branch"])
    assert wrong.exit_code == BROKEN
    assert wrong.stderr.count("\n") == 1
    assert "error: there is no revision 'no-such-branch' here" in wrong.stderr


def test_an_error_of_the_gate_itself_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own exit code for it is 1."""
    monkeypatch.setattr("bench.gate.command.compare", lambda *_: 1 / 0)
    result = CliRunner().invoke(app, ["gate", "HEAD"])
    assert result.exit_code == BROKEN
    assert "error: the gate itself failed: ZeroDivisionError" in result.output


def test_a_gate_that_cannot_be_imported_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bench.gate.command", None)
    result = CliRunner().invoke(app, ["gate", "HEAD"])
    assert result.exit_code == BROKEN
    assert "error: the gate itself failed: ModuleNotFoundError" in result.output


@pytest.mark.parametrize("closed", ["stdout", "both"])
def test_a_closed_pipe_is_no_regression(checkout: Checkout, closed: str) -> None:
    """Rich's own exit code for it is 1."""
    checkout.commit(code_to_time=CODE)
    read, write = os.pipe()
    os.close(read)
    stderr = subprocess.PIPE if closed == "stdout" else write
    result = subprocess.run([*GATE, "HEAD"], cwd=checkout.root, stdout=write, stderr=stderr)
    os.close(write)
    assert result.returncode == BROKEN
    if closed == "stdout":
        assert b"nobody read the verdict: the output was closed" in result.stderr


def hanging(checkout: Checkout, fifo: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A gate whose workers hang by now, and the end of `fifo` that they hold open."""
    os.mkfifo(fifo)
    checkout.commit(tests__speed__test_w=hanging_workload(fifo))
    gate = subprocess.Popen([*GATE, "HEAD"], cwd=checkout.root, stderr=subprocess.DEVNULL)
    return gate, os.open(fifo, os.O_RDONLY)


def test_sigterm_leaves_nothing_behind_but_the_timings(checkout: Checkout, tmp_path: Path) -> None:
    gate, reader = hanging(checkout, tmp_path / "fifo")
    gate.terminate()
    assert gate.wait(timeout=60) == 128 + signal.SIGTERM
    assert ended(reader)
    assert not list((tmp_path / "tmp").glob("ratebench-held-*"))
    assert len(checkout.git("worktree", "list").splitlines()) == 1
    raw = json.loads((checkout.root / ".benchmarks/gate.json").read_text())
    assert raw["workloads"].keys() == {"hang"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker ends when it next waits")
def test_no_worker_outlives_a_gate_that_is_killed(checkout: Checkout, tmp_path: Path) -> None:
    gate, reader = hanging(checkout, tmp_path / "fifo")
    gate.kill()
    gate.wait()
    assert ended(reader)


@pytest.mark.parametrize("words", [[], ["HEAD", "--save", "a.json"]], ids=["none", "two"])
def test_exactly_one_of_base_baseline_and_save_is_named(words: list[str]) -> None:
    result = CliRunner().invoke(app, ["gate", *words])
    assert result.exit_code == BROKEN
    assert "name one of BASE, --baseline FILE and --save FILE" in result.output


def test_a_file_that_cannot_be_written_is_reported_before_anything_is_timed(
    checkout: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GateError, match=r"--out .*raw\.json: cannot be written"):
        compare(request_of(tmp_path / "file"), checkout.root, print, print)


@pytest.mark.parametrize("content", ["# My notes\n", "[1, 2]", '{"schema": 2}', "{", "link"])
def test_what_the_gate_did_not_write_is_not_replaced(
    content: str, checkout: Checkout, tmp_path: Path
) -> None:
    path, other = tmp_path / "raw.json", tmp_path / "other.json"
    if content == "link":
        other.write_text('{"schema": 2, "loops": {}, "workloads": {}}')
        path.symlink_to(other)
    else:
        path.write_text(content)
    before = path.read_text()
    with pytest.raises(GateError, match=r"raw\.json: holds no timings of the gate"):
        compare(request_of(tmp_path), checkout.root, print, print)
    assert path.read_text() == before


def test_neither_the_command_nor_the_worker_imports_scipy_at_start() -> None:
    """It takes a second, and the worker would take it in every round."""
    code = "import sys, bench.cli, bench.gate.stored.command, bench.gate.worker, bench.stats"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'scipy' not in sys.modules"], check=True)
