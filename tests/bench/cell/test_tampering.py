"""Real workers that harm what harness and worker exchange: one failed row, and no harm else."""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench.cell.data import Splits
from bench.cell.execute import Outcome
from bench.cell.job import (
    DTYPES,
    ChangedFolderError,
    HarnessError,
    StorageError,
    check_storage,
    hand_over,
    read_column,
    read_predictions,
    write_pairs,
    write_predictions,
    write_split,
)
from bench.cell.process import StartError, WorkerProcess
from bench.cell.watch import Limits
from datasets.ratings import HeldOut, Ratings, Split
from tests.support import SUPPORT, running
from tests.support.running import LIMITS

TAMPERING = SUPPORT / "tampering.py"
Execute = Callable[..., Outcome]


@pytest.fixture(scope="module")
def split() -> Split:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 500), rng.integers(0, 20, 500)
    values = rng.integers(1, 6, 500).astype(np.float32)
    held = HeldOut(users[:50], items[:50], values[:50])
    ids = np.arange(30)
    return Split("random", 0, Ratings(users, items, values, 30, 20, (1, 5)), held, held, ids, ids)


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def execute(split: Split, tmp_path: Path, temporary: Path) -> Execute:
    write_split(split, tmp_path)

    def execute(name: str, how: str = "", limits: Limits = LIMITS, **changes: Any) -> Outcome:
        given = {"how": how, **changes}
        outcome = running.execute(
            f"{TAMPERING}:{name}", split, tmp_path, limits, hyperparameters=given
        )
        assert [*temporary.iterdir()] == []
        return outcome

    return execute


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("removes", "predicted cannot be read: No such file or directory"),
        ("removes the folder", "predicted cannot be read: No such file or directory"),
        ("cuts", "predicted is not the file that was written: 4 bytes, not 232"),
        ("changes", "predicted is not what was written: its digest differs"),
        ("puts a pipe there", "predicted is not the file that was written: 0 bytes, not 232"),
        ("has no end", "predicted is not the file that was written: 1,099,511,627,776 bytes"),
        ("links", "predicted cannot be read: Too many levels of symbolic links"),
    ],
)
def test_predictions_that_are_not_what_was_written_are_none(
    execute: Execute, how: str, reason: str
) -> None:
    outcome = execute("OfPredictions", how)
    assert (outcome.status, outcome.predicted, outcome.doubtful) == ("failed", None, True)
    assert outcome.reason.startswith(f"its predictions were lost: {reason}")


def test_predictions_that_were_changed_after_the_result_are_none(execute: Execute) -> None:
    outcome = execute("OfPredictions", "answers again")
    assert (outcome.status, outcome.predicted) == ("failed", None)
    assert outcome.reason == "its predictions were changed after it had reported them"


@pytest.mark.parametrize("what", ["a link", "a pipe", "a file"])
def test_what_a_row_put_in_the_way_is_not_written_to(
    split: Split, tmp_path: Path, what: str
) -> None:
    """It may be there between a look at the folder and the writing; a pipe would block."""
    laid_out, folder, victim = tmp_path / "laid out", tmp_path / "own", tmp_path / "victim"
    for each in (laid_out, folder):
        each.mkdir()
    victim.write_text("precious")
    write_split(split, laid_out)
    for name in ("test.users", "train.users"):
        match what:
            case "a link":
                (folder / name).symlink_to(victim)
            case "a pipe":
                os.mkfifo(folder / name)
            case "a file":
                (folder / name).write_text("precious")
    with pytest.raises(ChangedFolderError):
        write_pairs(split.test, folder)
    with pytest.raises(ChangedFolderError):
        hand_over(["train"], laid_out, folder)
    assert victim.read_text() == "precious"


def test_a_row_whose_folder_was_removed_gets_no_pairs(execute: Execute) -> None:
    outcome = execute("OfFolders")
    assert (outcome.status, outcome.doubtful) == ("failed", True)
    assert outcome.reason == "changed the folder that it was given for its ratings"


def test_arrays_that_are_not_what_was_written_are_not_trained_on(
    execute: Execute, tmp_path: Path
) -> None:
    outcome = execute("OfArrays", where=str(tmp_path))
    assert (outcome.status, outcome.doubtful) == ("failed", True)
    assert outcome.reason == "train.values is not what was written: its digest differs"
    assert outcome.curve == []


def test_folders_may_have_any_name(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/a\nb\xff"))
    folder.mkdir()
    write_split(split, folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    outcome = running.execute(f"{TAMPERING}:OfJson", split, folder)
    assert (outcome.status, outcome.reason) == ("ok", "")


def test_a_row_may_change_the_module_that_writes_events(execute: Execute) -> None:
    assert execute("OfJson").status == "ok"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("circle", r"tampering\.py:\d+: ValueError: no such luck"),
        ("unreadable", r"tampering\.py:\d+: UnreadableError: .*cannot be read: ZeroDivisionError"),
        ("surrogates", r"tampering\.py:\d+: ValueError: no such\?luck"),
        ("file", r"tampering\.py:\d+: ValueError: no such luck"),
        ("long", r"tampering\.py:\d+: ValueError: x{1000}… \(1,000,000 characters\)"),
        ("name", r"tampering\.py:\d+: X{100}: no such luck"),
    ],
)
def test_an_error_of_any_form_is_named(execute: Execute, how: str, reason: str) -> None:
    outcome = execute("OfErrors", how)
    assert outcome.status == "failed"
    assert re.fullmatch(reason, outcome.reason), outcome.reason


def test_a_reason_without_end_is_cut_with_its_length(execute: Execute) -> None:
    reason = execute("OfReasons").reason
    assert re.fullmatch(r"runs beside training .*: thread x+… \(8,\d+ characters\)", reason)
    assert len(reason) < 2_050


def test_an_error_in_a_file_whose_name_is_no_text_is_named(execute: Execute) -> None:
    assert execute("OfFiles").reason == "?.py:1: ValueError: no such luck"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("null", "crashed with SIGSEGV (Segmentation fault)"),
        (str(int(signal.SIGBUS)), "crashed with SIGBUS (Bus error)"),
        (str(int(signal.SIGILL)), "crashed with SIGILL (Illegal instruction)"),
        (str(int(signal.SIGFPE)), "crashed with SIGFPE (Floating point exception)"),
        (str(int(signal.SIGABRT)), "crashed with SIGABRT (Aborted)"),
        (str(int(signal.SIGTERM)), "killed by SIGTERM from outside"),
        (str(int(signal.SIGXCPU)), "killed by SIGXCPU: the limit on CPU time"),
        ("40", "killed by signal 40 from outside"),
    ],
)
def test_a_signal_says_whose_fault_it_is(execute: Execute, how: str, reason: str) -> None:
    outcome = execute("OfSignals", how)
    assert outcome.status == "failed"
    assert outcome.reason.startswith(reason)


def test_output_without_end_ends(execute: Execute) -> None:
    outcome = execute("OfOutput")
    assert outcome.reason.startswith("left 1 process(es) running after it ended")


def put_a_name(folder: Path) -> None:
    Path(os.fsdecode(bytes(folder) + b"/\xff")).touch()


def put_a_pipe(folder: Path) -> None:
    (folder / "train.users").unlink()
    os.mkfifo(folder / "train.users")


def put_a_link(folder: Path) -> None:
    (folder / "train.users").rename(folder.with_suffix(".moved"))
    (folder / "train.users").symlink_to(folder.with_suffix(".moved"))


def change_a_byte(folder: Path) -> None:
    file = folder / "train.users"
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)


def remove_it(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    "harm",
    [
        put_a_name,
        put_a_pipe,
        put_a_link,
        change_a_byte,
        remove_it,
        lambda folder: os.truncate(folder / "train.users", 1 << 40),
        lambda folder: (folder / "train.users").unlink(),
        lambda folder: (folder / "train.users").replace(folder / "other"),
        lambda folder: (folder / "folder").mkdir(),
    ],
)
def test_whatever_is_done_to_the_folder_is_seen(
    harm: Callable[[Path], object], tmp_path: Path, temporary: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    rows = "".join(f"{n % 20},{n // 20},{n % 5 + 1}\n" for n in range(200))
    (tmp_path / "ratings.csv").write_text(rows, encoding="utf-8")
    splits = Splits()
    prepared = splits.prepare(str(tmp_path / "ratings.csv"), "random:80/10/10", 0)
    assert splits.are_intact()
    harm(Path(prepared.folder.name))
    assert not splits.are_intact()
    splits.discard()
    assert not Path(prepared.folder.name).exists()


@pytest.mark.parametrize("n_bytes", [0, 20, 40, 199])
def test_a_part_of_an_array_is_none(tmp_path: Path, n_bytes: int) -> None:
    column = np.arange(42, dtype=np.int32)
    held = Ratings(column, column, column, 42, 42, (0, 42))
    write_split(Split("", 0, held, HeldOut(*[column] * 3), None, column, column), tmp_path)  # type: ignore[arg-type]
    found = [read_column(str(tmp_path), "train", name) for name in DTYPES]
    assert all(np.array_equal(column, each) and not each.flags.writeable for each in found)
    os.truncate(tmp_path / "train.users", n_bytes)
    with pytest.raises(StorageError, match="not what was written"):
        read_column(str(tmp_path), "train", "users")


def test_predictions_for_other_pairs_are_none(tmp_path: Path) -> None:
    write_predictions(np.arange(3, dtype=np.float32), tmp_path)
    assert read_predictions(tmp_path, 3).tolist() == [0, 1, 2]
    with pytest.raises(StorageError, match="44 bytes, not 48"):
        read_predictions(tmp_path, 4)


def test_the_harness_finds_whether_it_can_store_itself(tmp_path: Path) -> None:
    for name in ("before", "full"):
        (tmp_path / name).mkdir()
    check_storage(tmp_path / "before", 100)
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, most))
    try:
        with pytest.raises(StorageError, match=r"cannot write to .*: File too large"):
            check_storage(tmp_path / "full", 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))


def test_a_row_is_not_blamed_for_a_disk_that_not_even_the_harness_can_write_to(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("no space")

    monkeypatch.setattr("bench.cell.execute.check_storage", full)
    with pytest.raises(StorageError, match="no space"):
        execute("OfPredictions", "removes")


def test_a_worker_that_never_starts_is_no_row_s_fault(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(StartError, match=r"a worker did not start: ended with exit code 1 .*: "):
        execute("OfJson")


def test_a_worker_that_cannot_be_started_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {*os.listdir("/dev/fd")}  # noqa: PTH208
    children = psutil.Process().children()
    assert issubclass(StartError, HarnessError)
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [n for n in range(len(files) + 9) if str(n) not in files]  # it may inherit any number
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[3], most))
    try:
        with pytest.raises(StartError, match="cannot start a worker: Too many open files"):
            WorkerProcess("{}", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", no_thread)
    with pytest.raises(StartError, match="cannot start a worker: can't start new thread"):
        WorkerProcess("{}", 1)
    assert {*os.listdir("/dev/fd")} == files  # noqa: PTH208
    assert psutil.Process().children() == children


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker must run to see it")
@pytest.mark.parametrize("how", ["stopped", "holds Python's lock"])
def test_no_worker_and_no_child_of_one_outlives_a_harness_that_is_killed(
    tmp_path: Path, split: Split, how: str
) -> None:
    write_split(split, tmp_path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"""
from bench.cell.execute import ProcessExecutor
from bench.cell.job import Job
from bench.planning.rules import Rules
from bench.cell.watch import Limits
from datasets.ratings import HeldOut
import numpy as np
given = {{"how": {how!r}, "where": {str(fifo)!r}}}
job = Job("{TAMPERING}:Stuck", given, "cpu", 0, 1, "{tmp_path}", 30, 20, (1, 5), Rules())
none = HeldOut(np.empty(0), np.empty(0), np.empty(0))
ProcessExecutor().execute(job, none, Limits(60, 10**9), lambda _: None)
"""
    harness = subprocess.Popen([sys.executable, "-c", script])
    with fifo.open("rb", buffering=0) as pipe:
        assert pipe.read(5) == b"stuck"
        harness.kill()
        harness.wait()
        assert select.select([pipe], [], [], 20)[0]  # the end of a pipe that nobody holds
        assert pipe.read() == b""
