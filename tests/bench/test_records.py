"""The store: whole lines or none, from any number of writers, and no line is fatal to a reader."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records import (
    DISTURBED,
    LEAST_STEAL_S,
    Data,
    Disturbance,
    Record,
    Slice,
    digest,
    identity_of,
    round_up,
)
from bench.store import CURRENT, NotARecordError, RecordStore, keep_elsewhere, parsed
from tests.support.records import metrics, times
from tests.support.records import minimal_record as record


@given(st.text())
def test_a_record_survives_its_line(reason: str) -> None:
    written = record(reason=reason)
    line = written.to_line()
    assert "\n" not in line
    assert Record.model_validate(json.loads(line)) == written


def test_slices_survive_their_line_and_older_records_have_none() -> None:
    slices = [
        Slice(by="training", name="many", low=51, high=None, n=3, rmse=1.25, mae=1),
        Slice(by="time", name="oldest", low=-5, high=2**62, n=1, rmse=0, mae=0),
    ]
    written = record().model_copy(update={"metrics": metrics(0.9, [], slices=slices)})
    line = written.to_line()
    assert Record.model_validate_json(line) == written
    older = json.loads(line)
    del older["metrics"]["slices"], older["data"]["split_digest"], older["data"]["test"]
    read = Record.model_validate(older)
    assert read.metrics is not None
    assert (read.metrics.slices, read.data.split_digest, read.data.test) == ([], "", "")


def test_what_disturbed_a_fit_survives_its_line_and_older_records_have_none() -> None:
    found = Disturbance(steal_s=None, wait_s=0.25, involuntary_switches=7, cpu_s=1.5)
    line = record().model_copy(update={"disturbance": found}).to_line()
    assert Record.model_validate_json(line).disturbance == found
    older = json.loads(line)
    del older["disturbance"]
    assert Record.model_validate(older).disturbance is None


@pytest.mark.parametrize(
    ("fit_s", "cpu_s", "steal_s", "wait_s", "reason"),
    [
        (2.0, 1.9, 0.0, 0.0, ""),
        (2.0, 1.9, None, None, ""),
        (2.0, 1.9, None, 2.0 * DISTURBED, "waited for a core 5 % of its time"),
        (2.0, 1.9, None, 1.9 * DISTURBED, ""),
        (2.0, 1.8, 0.24, 0.0, "12 % of its time stolen by the host"),
        # Ticks of a counter, and not that much of so short a fit.
        (0.1, 0.1, 0.9 * LEAST_STEAL_S, 0.0, ""),
        (0.1, 0.05, LEAST_STEAL_S, 0.0, "30 % of its time stolen by the host"),
        # Two threads, one of which waited for a tenth of the fit: a twentieth of their time.
        (2.0, 3.9, None, 0.2, ""),
        (2.0, 3.6, None, 0.4, "waited for a core 10 % of its time"),
        # A fit that waits for its device is not slowed by what its thread waits for a core.
        (2.0, 0.01, None, 0.01, ""),
        (1, 1, 1.0, 1.0, "50 % of its time stolen by the host, waited for a core 50 % of its time"),
    ],
)
def test_a_fit_that_lost_more_than_the_level_is_disturbed(
    fit_s: float, cpu_s: float, steal_s: float | None, wait_s: float | None, reason: str
) -> None:
    found = Disturbance(steal_s=steal_s, wait_s=wait_s, involuntary_switches=0, cpu_s=cpu_s)
    update = {"disturbance": found, "times": times(fit_s)}
    assert record().model_copy(update=update).disturbed == reason


def test_the_fits_at_all_epoch_budgets_count() -> None:
    found = Disturbance(steal_s=None, wait_s=0.2, involuntary_switches=0)
    one = record().model_copy(update={"disturbance": found, "times": times(1.0)})
    assert one.disturbed
    assert one.times is not None
    one.times.other_budgets_s = 9.0
    assert not one.disturbed


def test_a_record_without_the_counters_is_not_called_disturbed() -> None:
    assert record().model_copy(update={"times": times(1.0)}).disturbed == ""
    assert record().disturbed == ""


def test_the_identity_depends_on_what_decides_the_split_only_where_there_is_such() -> None:
    """A record of a split that the ratings alone decide keeps the identity that it always had."""

    def identity(**changes: str) -> str:
        one = record()
        data = Data.model_validate(one.data.model_dump() | changes)
        return identity_of("source", "Row", one.cell, data, one.environment)

    assert identity() == "637eb4662cc666bc"
    assert identity(test="test.csv") == identity()
    assert len({identity(), identity(split_digest="a"), identity(split_digest="b")}) == 3


def test_a_seed_that_runs_again_is_another_cell_and_older_records_ran_once() -> None:
    made = record()
    assert made.cell.again == 0
    of = ("hash", "Class", made.cell, made.data, made.environment)
    again = made.cell.model_copy(update={"again": 1})
    assert identity_of("hash", "Class", again, made.data, made.environment) != identity_of(*of)
    line = json.loads(made.to_line())
    del line["cell"]["again"]
    assert Record.model_validate(line) == made


def test_appended_records_are_read_back_in_order(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    for identity in "abc":
        store.append(record(identity))
    records, bad = RecordStore(tmp_path).read()
    assert [each.identity for each in records] == ["a", "b", "c"]
    assert bad == []


def test_foreign_and_torn_lines_are_named_and_skipped(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    with path.open("a") as file:
        file.write('{"schema": 999}\n[1, 2]\nnot json\n\n{"schema": 1, "identity": "torn')
    (path.parent / "a-folder.jsonl").mkdir()
    store.append(record("b"))
    records, bad = store.read()
    assert [each.identity for each in records] == ["a", "b"]
    assert [(line.path, line.number) for line in bad] == [(path, n) for n in (2, 3, 4, 6)]
    assert str(bad[0]).startswith(f"{path}:2: not a record of schema 2")


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_crash_in_the_middle_of_a_line_loses_that_line_alone(tmp_path: Path, cut: int) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("whole"))
    store.append(record("torn"))
    path.write_bytes(path.read_bytes()[:-cut])
    store.append(record("next"))
    stored = {each.identity for each in store.read()[0]}
    # Only the newline gone: the record itself is whole.
    assert stored == ({"whole", "torn", "next"} if cut == 1 else {"whole", "next"})


def _append_many(out: Path, writer: int) -> None:
    store = RecordStore(out)
    for n in range(50):
        store.append(record(f"{writer}-{n}", reason="x" * 5000))


def test_two_runs_into_one_folder_do_not_mix_lines(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(tmp_path, n)) for n in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records, bad = RecordStore(tmp_path).read()
    assert bad == []
    assert {each.identity for each in records} == {f"{w}-{n}" for w in range(2) for n in range(50)}


def test_what_was_read_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = RecordStore(tmp_path), RecordStore(tmp_path)
    writer.append(record("a"))
    path = writer.append(record("b"))
    assert [each.identity for each in reader.read()[0]] == ["a", "b"]
    parsed: list[bytes] = []
    validate = Record.model_validate_json
    monkeypatch.setattr(
        Record, "model_validate_json", lambda line: (parsed.append(line), validate(line))[1]
    )
    writer.append(record("c"))
    assert [each.identity for each in reader.read()[0]] == ["a", "b", "c"]
    assert len(parsed) == 1
    with path.open("a") as file:
        file.write('{"torn')
    assert [line.number for line in reader.read()[1]] == [4]
    writer.append(record("d"))
    assert [each.identity for each in reader.read()[0]] == ["a", "b", "c", "d"]
    assert [line.number for line in reader.read()[1]] == [4]
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")  # another file in its place
    assert [each.identity for each in reader.read()[0]] == ["a"]


def test_an_empty_or_missing_folder_has_no_records(tmp_path: Path) -> None:
    assert RecordStore(tmp_path / "nowhere").read() == ([], [])


def test_a_digest_does_not_depend_on_key_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_a_line_nested_beyond_reason_is_skipped(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    with path.open("a") as file:
        file.write("[" * 200_000 + "\n" + CURRENT.decode() + '"a":' + "[" * 200_000 + "\n")
    records, bad = store.read()
    assert len(records) == 1
    assert [each.problem for each in bad] == ["no record: nested too deep"] * 2


def test_a_date_of_another_form_is_shown_the_form() -> None:
    with pytest.raises(NotARecordError) as error:
        parsed(record("a").to_line().replace("2026-01-01T", "1 Jan 2026 "))
    assert str(error.value) == "started_at: not a date and time as 2026-01-31T12:00:00+00:00"


def test_another_file_in_its_place_is_read_anew(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    assert [each.identity for each in store.read()[0]] == ["a"]
    path.write_text(record("b").to_line() + "\n" + record("c").to_line() + "\n")  # the same inode
    assert [each.identity for each in store.read()[0]] == ["b", "c"]


@pytest.mark.parametrize("change", [{"times": "x"}, {"cell": "x"}, {"metrics": [1]}])
def test_a_line_of_schema_1_of_another_shape_is_skipped(
    tmp_path: Path, change: dict[str, object]
) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    with path.open("a") as file:
        file.write(json.dumps(json.loads(record("b").to_line()) | {"schema": 1} | change) + "\n")
    records, bad = store.read()
    assert ([each.identity for each in records], len(bad)) == (["a"], 1)


def full_disk(
    monkeypatch: pytest.MonkeyPatch, after: int, code: int = errno.ENOSPC, truncates: bool = True
) -> Callable[[], None]:
    """A disk that takes `after` bytes; returns what makes room again."""
    real_write, real_truncate, taken = os.write, os.ftruncate, [0]

    def write(file: int, content: bytes) -> int:
        room = after - taken[0]
        if room <= 0:
            raise OSError(code, os.strerror(code))
        taken[0] += len(content[:room])
        return real_write(file, content[:room])

    def truncate(file: int, size: int) -> None:
        if not truncates:
            raise OSError(code, os.strerror(code))
        real_truncate(file, size)

    monkeypatch.setattr("bench.store.os.write", write)
    monkeypatch.setattr("bench.store.os.ftruncate", truncate)

    def make_room() -> None:
        monkeypatch.setattr("bench.store.os.write", real_write)
        monkeypatch.setattr("bench.store.os.ftruncate", real_truncate)

    return make_room


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("after", [0, 1, 100])
@pytest.mark.parametrize("truncates", [True, False])
def test_half_a_line_costs_no_other_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, after: int, truncates: bool
) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    size = path.stat().st_size
    make_room = full_disk(monkeypatch, after, code, truncates)
    with pytest.raises(OSError, match=os.strerror(code)):
        store.append(record("b"))
    assert path.stat().st_size == size + (0 if truncates else after)
    make_room()
    store.append(record("c"))
    records, bad = store.read()
    assert [each.identity for each in records] == ["a", "c"]
    assert len(bad) == (not truncates and after > 0)


def test_a_disk_that_takes_a_line_in_pieces_has_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr("bench.store.os.write", lambda file, content: real(file, content[:7]))
    store = RecordStore(tmp_path)
    store.append(record("a"))
    assert [each.identity for each in store.read()[0]] == ["a"]


def in_the_way(out: Path, what: str) -> None:
    path = out / "records" / "box-1.jsonl"
    if what == "a file for the folder":
        out.mkdir()
        path.parent.write_text("")
        return
    path.parent.mkdir(parents=True)
    match what:
        case "a folder":
            path.mkdir()
        case "a FIFO":
            os.mkfifo(path)
        case "a device":
            path.symlink_to("/dev/full")
        case "a link in a circle":
            path.symlink_to(path)
        case "a folder for the lock":
            (path.parent / ".lock").mkdir()


@pytest.mark.parametrize(
    "what",
    [
        *("a folder", "a FIFO", "a device", "a link in a circle"),
        *("a file for the folder", "a folder for the lock"),
    ],
)
def test_what_is_in_the_way_of_a_record_is_found_before(tmp_path: Path, what: str) -> None:
    in_the_way(tmp_path / "out", what)
    with pytest.raises(OSError, match=r"\w"):
        RecordStore(tmp_path / "out").check("box-1")


def test_a_file_that_may_not_be_written_is_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    real = os.open

    def refused(name: object, flags: int, *mode: int) -> int:
        if Path(str(name)) == path and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return real(name, flags, *mode)  # type: ignore[call-overload]

    monkeypatch.setattr("bench.store.os.open", refused)
    with pytest.raises(PermissionError):
        store.check("box-1")


def test_the_check_leaves_nothing_and_changes_nothing(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.check("box-1")
    assert not store.path_of("box-1").exists()
    before = store.append(record("a")).read_bytes()
    store.check("box-1")
    assert store.path_of("box-1").read_bytes() == before


def test_a_file_that_cannot_be_read_is_named_and_what_was_read_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RecordStore(tmp_path)
    path = store.append(record("a"))
    store.read()

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("bench.store._begins_as", broken)
    records, [bad] = store.read()
    assert [each.identity for each in records] == ["a"]
    assert str(bad) == f"{path}: cannot be read: Input/output error (file skipped)"


def test_records_that_the_store_cannot_take_are_in_a_file_that_can_be_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first = keep_elsewhere([record("a")])
    assert first is not None
    second = keep_elsewhere([record("a"), record("b")], first)
    assert second == first
    assert [*tmp_path.iterdir()] == [second]
    (tmp_path / "records").mkdir()
    second.rename(tmp_path / "records" / "box-1.jsonl")
    assert [each.identity for each in RecordStore(tmp_path).read()[0]] == ["a", "b"]


def test_where_no_folder_takes_the_file_none_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)

    def broken(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.store.os.fsync", broken)
    before = [*Path("/dev/shm").glob("unwritten-records-of-box-1-*")]
    assert keep_elsewhere([record("a")]) is None
    assert [*tmp_path.iterdir()] == []
    assert [*Path("/dev/shm").glob("unwritten-records-of-box-1-*")] == before


def test_a_name_that_is_not_utf_8_costs_no_record(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.append(record("a", reason="caf\udce9.py ended"))
    assert [each.reason for each in store.read()[0]] == ["caf?.py ended"]


@pytest.mark.parametrize(
    ("rmse", "rounded"), [(0.804, 0.804), (0.80401, 0.8041), (0.8041, 0.8041), (0.9, 0.9)]
)
def test_a_goal_is_rounded_up_and_no_further(rmse: float, rounded: float) -> None:
    assert round_up(rmse) == rounded


@given(st.floats(1e-4, 1e4))
def test_a_rounded_goal_is_reached_by_what_it_was_made_of(rmse: float) -> None:
    assert rmse <= round_up(rmse) <= rmse + 1.01e-4
