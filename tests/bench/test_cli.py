"""The command in use: files of any form, wrong arguments, interruption, resuming."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import machine
from bench.cell.execute import Outcome, ProcessExecutor
from bench.cell.process import StartError
from bench.cli import app, main
from bench.planning import suite
from bench.records import Record, Roof
from bench.store import RecordStore
from tests.support.command_line import BENCH, MEAN, MISBEHAVING, Bench, write
from tests.support.records import record, store


def records(out: Path) -> list[Record]:
    found, bad = RecordStore(out).read()
    assert bad == []
    return found


@pytest.mark.parametrize("module", ["run", "report", "gate", "predict"])
def test_a_verb_starts_without_what_it_may_not_need(module: str) -> None:
    libraries = {
        "altair",
        "distributed",
        "matplotlib",
        "numba",
        "optuna",
        "pyarrow",
        "scipy",
        "torch",
    }
    code = f"import sys, bench.cli, bench.commands.{module}; print({libraries} & {{*sys.modules}})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


@pytest.mark.parametrize(
    ("name", "sep", "header", "scale"),
    [
        ("a.csv", ",", "userId,movieId,rating\n", (1, 5)),
        ("b.tsv", "\t", "", (1, 5)),
        ("c.dat", "::", "", (1, 5)),
        ("d.csv", ",", "user,item,rating\n", (-10, 10)),
    ],
)
def test_any_ratings_file_runs(
    command: Bench, tmp_path: Path, name: str, sep: str, header: str, scale: tuple[int, int]
) -> None:
    path = write(tmp_path / name, sep, header, scale)
    done = command("run", "--impl", MEAN, "bias", "--dataset", str(path), "--epochs", "2")
    assert done.returncode == 0, done.stderr
    found = records(tmp_path / "results")
    assert {each.status for each in found} == {"ok"}
    assert found[0].data.scale == scale
    assert not (tmp_path / "cache" / "roofs.json").exists()  # no row here has a bound
    assert found[0].data.n_ratings == 600
    # The file has no goal of its own: what the row bias reached is everybody's.
    assert len({each.goals[0].rmse for each in found}) == 1


def test_a_second_run_resumes_and_a_third_afresh_does_not(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    words = ("run", "--impl", MEAN, "--dataset", str(ratings), "--seeds", "2")
    assert command(*words).returncode == 0
    assert "2 cells, all already recorded: " in command(*words).stdout
    assert "recorded" in command(*words, "--dry-run").stdout
    assert len(records(tmp_path / "results")) == 2
    command(*words, "--fresh")
    assert len(records(tmp_path / "results")) == 4


@pytest.mark.skipif(machine.timing_core() is None, reason="pins on Linux alone")
def test_pinned_cells_are_others_than_those_on_any_core(
    bench: Bench, ratings: Path, tmp_path: Path
) -> None:
    words = ("run", "--impl", MEAN, "--dataset", str(ratings), "--threads", "1", "--seeds", "1")
    assert bench(*words).returncode == 0
    assert "to run again: it ran without --pin" in bench(*words, "--pin", "--dry-run").stdout
    done = bench(*words, "--pin")
    assert done.returncode == 0
    assert "pinned to one core" in done.stdout
    assert [each.cell.pinned for each in records(tmp_path / "results")] == [False, True]
    assert "--pin" not in done.stderr
    idle = bench(*words, "--pin", "--threads", "2", "--dry-run")
    assert idle.returncode == 2
    assert "error: --pin changes no cell, for each has several threads" in idle.stderr


def test_a_system_that_cannot_pin_is_an_error(
    ratings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "timing_core", lambda: None)
    words = ("run", "--impl", MEAN, "--dataset", str(ratings), "--out", str(tmp_path), "--pin")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "--pin: this system keeps no process on a core; Linux does" in done.output


def test_rows_are_repeated_until_their_times_are_precise_or_their_budget_is_spent(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    words = ("run", "--impl", MEAN, "bias", "--dataset", str(ratings), "--precision", "99%")
    planned = command(*words, "--dry-run").stdout
    assert "2 cells, then repeats until times are known to ±99 % or 28 s a row: " in planned
    done = command(*words, "--repeat-budget", "1min")
    assert done.returncode == 0
    cells = [each.cell for each in records(tmp_path / "results")]
    # Runs of a seed that is run again, as where one was disturbed, are cells of their own.
    found = {(cell.implementation, cell.seed, cell.again) for cell in cells}
    n = len({cell.seed for cell in cells})
    assert n >= 6  # fewer have no interval
    assert {("bias", seed, 0) for seed in range(n)} <= found
    assert f"[{len(found)}/{len(found)}+]" in done.stdout
    assert "repeats of 2 rows, for times known to ±99 %" in done.stdout
    again = command(*words, "--repeat-budget", "1min")
    assert f"{len(found)} cells, all already recorded" in again.stdout
    for option, text in (("--precision", "110%"), ("--repeat-budget", "soon")):
        wrong = command("run", option, text)
        assert wrong.returncode == 2
        assert f"{text!r} is no" in " ".join(wrong.stderr.split())


def test_a_failed_row_leaves_the_others_and_exit_code_1(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    done = command("run", "--impl", f"{MISBEHAVING}:Raises", MEAN, "--dataset", str(ratings))
    assert done.returncode == 1
    assert "no such luck" in done.stdout
    assert {each.status for each in records(tmp_path / "results")} == {"failed", "ok"}


def test_a_device_that_is_missing_is_a_skipped_row(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    done = command("run", "--impl", MEAN, "--dataset", str(ratings), "--device", "cuda:7")
    assert done.returncode == 1  # for no row has a figure
    (record,) = records(tmp_path / "results")
    assert (record.status, record.reason) == ("skipped", "CPU only")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--suite", "slow"], "no suite 'slow'. There are: cuda, full, peers, published"),
        (["run", "--impl", "nobody"], "no implementation 'nobody'"),
        (["run", "--impl", "als:fast"], "For a preset: --impl als --preset fast"),
        (
            ["run", "--impl", "blend", "--set", "blend.of=als"],
            "two different rows or more",
        ),
        (["run", "--dataset", "no/such/file.csv"], "no/such/file.csv"),
        (["run", "--impl", MEAN, "--set", "x=1"], "write it as implementation.field=value"),
        (["run", "--impl", MEAN, "--split", "half"], "half"),
        (["run", "--impl", MEAN, "--split", "peek:5-fold"], "peek:5-fold reads the test part"),
        (["run", "--device", "gpu"], "devices: 'gpu'"),
        (["run", "--impl", MEAN, "--split", "leave-last"], "timestamps"),
        (["run", "--impl", MEAN, "--out", "ratings.csv"], "--out ratings.csv: records cannot"),
        (["compare", "a", "b"], "a"),
        (["run", "--impl", MEAN, "--zeros", "maybe"], "--zeros 'maybe'"),
        (["run", "--impl", MEAN, "--columns", "user=who"], "no column user=who"),
        (["run", "--dataset", "ml-100k", "--no-header"], "--no-header says how a file is read"),
        (["tune", "bias", "--no-header"], "--no-header says how a file is read"),
        (["data", "none.csv"], "none.csv"),
        (["predict", "--impl", "bias", "--dataset", "ratings.csv", "--pairs", "none.csv"], "none"),
    ],
)
def test_a_mistake_gets_one_clear_error(
    command: Bench, ratings: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    if words[0] == "run" and "--dataset" not in words:
        words = [*words, "--dataset", str(ratings)]
    done = command(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "results").exists()


def test_predictions_for_raw_ids(command: Bench, ratings: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("user,item\nu0,i1\nnobody,i1\nu0,nothing\n")
    done = command("predict", "--impl", "bias", "--dataset", str(ratings), "--pairs", "pairs.csv")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header == "user,item,prediction,cold_start"
    assert [row.split(",")[0] for row in rows] == ["u0", "nobody", "u0"]
    assert [row.split(",")[3] for row in rows] == ["0", "1", "1"]
    assert all(1 <= float(row.split(",")[2]) <= 5 for row in rows)
    assert "RMSE" in done.stderr


def test_pairs_may_write_integer_ids_as_the_source_does(command: Bench, tmp_path: Path) -> None:
    path = tmp_path / "padded.csv"
    path.write_text("".join(f"{n % 20:03},{n // 20:03},{n % 5 + 1}\n" for n in range(200)))
    (tmp_path / "pairs.csv").write_text("userId,movieId\n007,003\n7,3\nseven,3\n")
    done = command("predict", "--impl", "bias", "--dataset", str(path), "--pairs", "pairs.csv")
    assert [row.split(",")[3] for row in done.stdout.splitlines()[1:]] == ["0", "0", "1"]


def test_bounds_are_measured_once_and_before_a_row_that_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratings: Path
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    measured: list[int] = []

    def measure(threads: int) -> Roof:
        measured.append(threads)
        return Roof(threads=threads, flops_per_s=1e9, bandwidth={1024: 1e9})

    monkeypatch.setattr("bench.roofline.stored.measure_apart", measure)
    words = ["run", "--impl", "numpy_sgd", "--dataset", str(ratings), "--epochs", "1", "--fresh"]
    words += ["--seeds", "1"]
    for _ in range(2):
        assert CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")]).exit_code == 0
    cores = machine.environment().cores
    assert measured == sorted({1, cores})
    roofs = [each.environment.roofs for each in records(tmp_path / "out")]
    assert [len(each) for each in roofs] == [len(measured)] * 2
    CliRunner().invoke(app, ["doctor", "--measure"])
    assert len(measured) == 2 * len({1, cores})


def test_a_run_ends_with_a_summary_and_writes_pages_where_requested(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    words = ("run", "--impl", MEAN, f"{MISBEHAVING}:Raises", "--dataset", str(ratings))
    first = command(*words)
    end = first.stdout.partition("ratings.csv, random:80/10/10\n")[2]
    assert "Only " in end.replace(str(MISBEHAVING.parent) + "/", "")
    assert "failed [" in end
    assert "Page: results/ratings.csv.md (`bench report` writes it)\n" in end
    second = command(*words, "--report")
    assert second.returncode == first.returncode == 1
    assert second.stdout.endswith("Page: results/ratings.csv.md\n")
    assert (tmp_path / "results" / "ratings.csv.md").is_file()
    start = "start at results/index.md, or in a browser at results/site/index.html"
    assert command("report").stdout == f"nothing changed\n{start}\n"


def test_a_record_and_its_page_have_the_options_that_make_the_number_again(
    command: Bench, tmp_path: Path
) -> None:
    header = "who,what,plays\n"
    path = write(tmp_path / "plays.csv", header=header)
    path.write_text(f"{path.read_text()}u0,i0,99\n")
    columns, missing = "user=who,item=what,rating=plays", ("--missing", "99", "-1")
    words = ("run", "--impl", MEAN, "--dataset", str(path), "--columns", columns, *missing)
    done = command(*words, "--report")
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path / "results")
    assert record.data.options == {"columns": columns, "missing": "99,-1"}
    assert (record.data.n_ratings, record.data.scale) == (600, (1, 5))
    page = (tmp_path / "results" / "plays.csv.md").read_text()
    assert f"read with --columns {columns} --missing 99,-1." in page
    assert "1 cell, all already recorded" in command(*words).stdout


def test_the_version_has_the_commit() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.exit_code == 0
    assert re.fullmatch(
        r"ratebench \d+\.\d+\.\d+, commit [0-9a-f]{7}( with changes)?\n", shown.output
    )


def test_the_version_of_a_checkout_that_is_not_installed_is_its_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_found(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", not_found)
    shown = CliRunner().invoke(app, ["--version"]).output
    assert re.match(r"ratebench, not installed, commit [0-9a-f]{7}", shown)


def test_the_command_has_two_names() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == dict.fromkeys(("bench", "ratebench"), "bench.cli:main")


def test_the_help_of_a_run_states_the_repeats_of_the_default_suite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    text = CliRunner().invoke(app, ["run", "--help"]).stdout
    quick = suite.read("quick")
    assert quick.precision is not None
    share, seconds = f"(quick: {quick.precision:.0%})", f"(quick: {quick.repeat_budget:g}s)"
    for option, default in (("--precision +SHARE", share), ("--repeat-budget +SECONDS", seconds)):
        assert re.search(f"{option} .* Default: the suite's {re.escape(default)}", text)
    assert "and no more unless --precision is given" in text


def test_doctor_and_list_show_what_is_here(command: Bench) -> None:
    assert "cores" in command("doctor").stdout
    listed = command("list").stdout
    for name in ("numpy_sgd", "ml-100k", "synthetic-100k", "published"):
        assert name in listed


@pytest.mark.parametrize(
    ("kill", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_an_interrupted_run_has_stored_finished_cells_and_resumes(
    bench: Bench,
    environment: dict[str, str],
    ratings: Path,
    tmp_path: Path,
    kill: signal.Signals,
    code: int,
) -> None:
    never = f"{MISBEHAVING}:NeverReturns"
    words = ["run", "--impl", MEAN, never, "--dataset", str(ratings), "--seeds", "2"]
    run = subprocess.Popen(
        [*BENCH, *words], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    finished = 0
    for line in run.stdout:
        finished += "RMSE" in line and "fit" in line
        if "NeverReturns" in line:
            break
    os.kill(run.pid, kill)
    run.stdout.close()
    try:
        assert run.wait(timeout=20) == code
    finally:
        run.kill()  # one that goes on would hold the machine's lock
    assert len(records(tmp_path / "results")) == finished
    again = bench("run", "--impl", MEAN, "--dataset", str(ratings), "--seeds", "2")
    assert again.returncode == 0
    assert (f"2 cells, {finished} already recorded: " in again.stdout) == (finished == 1)
    assert len(records(tmp_path / "results")) == 2
    assert not list(Path(environment["TMPDIR"]).glob("ratebench-held-*"))  # killed or not


def copied(tmp_path: Path) -> list[str]:
    """Two scripts with the same code, in folders of their own."""
    scripts = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(MISBEHAVING, tmp_path / folder / "row.py")
        scripts.append(f"{folder}/row.py:Mean")
    return scripts


def test_a_copied_and_a_renamed_row_and_a_copied_file_have_rows_and_pages_of_their_own(
    bench: Bench, ratings: Path, tmp_path: Path
) -> None:
    one, two = copied(tmp_path)
    words = ("--dataset", "ratings.csv", "--seeds", "2")
    assert bench("run", "--impl", one, *words).returncode == 0
    planned = bench("run", "--impl", two, *words, "--dry-run").stdout
    assert planned.count(f"recorded as {one} on ratings.csv") == 2
    both = bench("run", "--impl", one, two, *words, "--report")
    assert both.returncode == 0
    assert "all already recorded" in both.stdout
    assert "One run under two names" in both.stdout
    page = (tmp_path / "results" / "ratings.csv.md").read_text()
    assert f"- {one} and {two}: seeds 0, 1" in page
    assert len({each.run for each in records(tmp_path / "results")}) == 2
    assert "there is no difference" in bench("compare", one, two).stdout
    # Another file with the same ratings: the record stands under its name, too.
    shutil.copy(ratings, tmp_path / "again.csv")
    again = bench("run", "--impl", one, "--dataset", "again.csv", "--seeds", "2")
    assert "again.csv has the same ratings, so this page, too" in again.stdout
    found = records(tmp_path / "results")
    assert [each.reused_from for each in found[-2:]] == [f"{one} on ratings.csv"] * 2
    assert [each.cell.dataset for each in found[-2:]] == ["again.csv"] * 2


def test_a_change_deep_in_a_rows_own_folder_runs_it_again(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path / "ratings.csv")
    (tmp_path / "nested" / "lib").mkdir(parents=True)
    core = tmp_path / "nested" / "lib" / "core.py"
    core.write_text("LEVEL = 3.0\n")
    (tmp_path / "nested" / "impl.py").write_text(NESTED)
    words = ("run", "--impl", "nested/impl.py:Level", "--dataset", "ratings.csv")
    assert "to run again" not in bench(*words).stdout
    assert "already recorded" in bench(*words).stdout
    core.write_text("LEVEL = 2.5\n")
    assert "runs again: its source changed" in bench(*words).stdout


NESTED = """
import sys
from dataclasses import dataclass
import numpy as np
from lib.core import LEVEL

sys.path.append("elsewhere")


@dataclass
class Level:
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=None):
        return self

    def predict(self, users, items):
        return np.full(len(users), LEVEL, np.float32)
"""


@pytest.mark.parametrize("verb", ["run", "tune"])
def test_records_that_cannot_be_stored_are_found_before_a_cell_runs(
    command: Bench, ratings: Path, tmp_path: Path, verb: str
) -> None:
    cache = tmp_path / "cache"
    command("list")
    words = ("run", "--impl", MEAN, "--dataset", str(ratings))
    first = command(*words, "--out", "elsewhere")
    assert first.returncode == 0, first.stderr
    [file] = (tmp_path / "elsewhere" / "records").glob("*.jsonl")
    assert cache.is_dir()
    folder = "tuning/records" if verb == "tune" else "records"
    (tmp_path / "out" / folder / file.name).mkdir(parents=True)
    done = command(*(words if verb == "run" else ("tune", "bias")), "--out", "out")
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert "records cannot be stored: " in done.stderr
    assert file.name in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "RMSE" not in done.stdout


def full_disk(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    def append(*_: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RecordStore, "append", append)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))


def test_a_disk_that_fills_in_a_run_costs_no_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratings: Path
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    full_disk(monkeypatch, tmp_path)
    out = tmp_path / "out"
    words = ["run", "--impl", MEAN, "--dataset", str(ratings), "--seeds", "2", "--out", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert done.exception is None or isinstance(done.exception, SystemExit)
    shown = " ".join(done.output.split())
    assert "WARNING: 1 record could not be stored (No space left on device)" in shown
    [kept] = tmp_path.glob("unwritten-records-of-*.jsonl")
    [command] = re.findall(r"cat \S+ >> \S+", shown)
    assert command.startswith(f"cat {kept} >> {out}/records/")
    subprocess.run(command, shell=True, check=True)
    assert [each.status for each in records(out)] == ["ok", "ok"]


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system", "a file")


def test_a_report_on_a_full_disk_is_one_error_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    store(out, [record()])
    real = Path.write_bytes

    def write_bytes(path: Path, content: bytes) -> int:
        if "index.md" not in path.name:
            return real(path, content)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    done = CliRunner().invoke(app, ["report", "--out", str(out)])
    assert done.exit_code == 2, done.exception
    shown = " ".join(done.stderr.split())
    assert shown == (
        f"error: the pages cannot be written: {out / 'index.md'}: No space left on device "
        f"(free space there); fix this, then run `bench report --out {out}` again"
    )
    assert {path.name for path in out.rglob("*")} <= {
        *("records", "box-1.jsonl", ".lock", "plots", "site"),
    }


def test_a_run_whose_pages_cannot_be_written_has_its_records_and_summary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratings: Path
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("bench.report.writing.replace_all", refuse)
    out = tmp_path / "out"
    words = ["run", "--impl", MEAN, "--dataset", str(ratings), "--out", str(out), "--report"]
    words += ["--seeds", "1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1, done.exception
    shown = " ".join(done.stderr.split())
    assert "error: the pages cannot be written: a file: Read-only file system (let this" in shown
    assert shown.endswith("all finished cells are recorded")
    assert "RMSE" in done.stdout
    assert len(records(out)) == 1


STUDY = """
description = "biased MF"
implementations = ["als"]
dataset = "{}"

[space]
factors = {{ choices = [8, 64] }}
"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (StartError("a worker did not start: no memory"), "a worker did not start: no memory"),
        (OSError(errno.ENOSPC, "No space", "/a/file"), "/a/file: No space (free space there)"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "tune"])
def test_what_ends_a_run_says_what_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    ratings: Path,
    error: Exception,
    line: str,
    verb: str,
) -> None:
    def fail(*_: object) -> Outcome:
        raise error

    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ProcessExecutor, "execute", fail)
    study = tmp_path / "study.toml"
    study.write_text(STUDY.format(ratings), encoding="utf-8")
    words = ["run", "--impl", MEAN, "--dataset", str(ratings)] if verb == "run" else [verb, study]
    monkeypatch.setattr("sys.argv", ["bench", *map(str, words), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="2"):
        main()
    shown = " ".join(capsys.readouterr().err.split())
    assert "the same command goes on from" in shown
    if verb == "run":
        assert "the run ends here; 0 of 1 cells to run are recorded" in shown
    assert shown.endswith(f"error: {line}")
    assert records(tmp_path / "out") == []


def test_records_that_cannot_be_migrated_are_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store(tmp_path, [record()])
    monkeypatch.setattr("bench.cell.locks.FileLock.acquire", refuse)
    done = CliRunner().invoke(app, ["migrate", "--out", str(tmp_path)])
    assert done.exit_code == 2, done.exception
    assert "error: records cannot be migrated: a file: Read-only file system" in done.stderr


@pytest.mark.parametrize("verb", ["run", "migrate"])
def test_a_lock_that_cannot_be_had_is_named(tmp_path: Path, ratings: Path, verb: str) -> None:
    store(tmp_path / "out", [record()])
    lock = tmp_path / "out" / "records" / ".lock"
    lock.unlink(missing_ok=True)
    lock.symlink_to("elsewhere")
    words = ["run", "--impl", "bias", "--dataset", str(ratings)] if verb == "run" else [verb]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2, done.exception
    shown = " ".join(done.stderr.split())
    assert f"{lock}: a symbolic link, which a lock may not be (remove it)" in shown
    assert ".jsonl" not in shown


def test_a_warning_about_a_dataset_is_a_line_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ratings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(ratings))
    monkeypatch.setattr("sys.argv", ["bench", "data", str(ratings)])
    with pytest.raises(SystemExit, match="0"):
        main()
    shown = capsys.readouterr().err
    assert shown.startswith("WARNING: ratings cannot be stored in the cache folder ")
    assert "Warning:" not in shown
    assert ".py" not in shown


def test_a_run_says_once_what_its_records_lack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratings: Path
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "source_problem", lambda: "no checkout")
    monkeypatch.setattr("bench.cell.locks.shortcoming", lambda: "no folder")
    words = ["run", "--impl", MEAN, "--dataset", str(ratings), "--seeds", "2"]
    done = CliRunner().invoke(app, [*words, "--threads", "999", "--out", str(tmp_path / "out")])
    assert done.output.count("records will name no commit: no checkout") == 1
    assert done.output.count("WARNING: runs of other users on this machine will not wait") == 1
    assert done.output.count("WARNING: 999 threads requested, and this process may use ") == 1
