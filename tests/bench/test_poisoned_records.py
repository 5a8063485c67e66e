"""Lines and files that no record may be: each is skipped with its place, and the rest is read as if
it were not there."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.records import Roof, Slice
from bench.report.comparison import compare
from bench.report.plots.style import Plot
from bench.report.writing import write
from bench.store import LONGEST_LINE, RecordStore
from bench.tune import FOLDER
from tests.support.command_line import Bench
from tests.support.records import metrics, record

GOOD = [record("numpy_sgd").to_line().encode(), record("bias", rmse=0.95).to_line().encode()]


def line() -> dict[str, Any]:
    """Another row with every part, which would be on the page."""
    slices = [Slice(by="training", name="many", low=51, high=None, n=3, rmse=1.25, mae=1)]
    full = record("als", seed=7, metrics=metrics(0.9, [], slices=slices))
    full.environment.roofs = [Roof(threads=2, flops_per_s=1e10, bandwidth={1024: 1e10})]
    fields: dict[str, Any] = json.loads(full.to_line())
    return fields


def changed(place: str, value: Any) -> bytes:
    fields: Any = line()
    *way, last = place.split(".")
    part = fields
    for name in way:
        part = part[int(name) if name.isdigit() else name]
    part[int(last) if last.isdigit() else last] = value
    return json.dumps(fields).encode()


def without(place: str) -> bytes:
    fields: Any = line()
    *way, last = place.split(".")
    part = fields
    for name in way:
        part = part[name]
    del part[last]
    return json.dumps(fields).encode()


def text() -> str:
    return json.dumps(line())


def nested(depth: int) -> Any:
    inner: Any = 0
    for _ in range(depth):
        inner = [inner]
    return inner


HUGE = 10**400
POINT = {"epoch": 1, "seconds": 1.0, "rmse": 1.0, "mae": 1.0}

POISONED: dict[str, bytes | Callable[[], bytes]] = {
    # No JSON.
    "null bytes": b"\0" * 512,
    "a null byte within": text().encode().replace(b"numpy", b"nu\0py", 1) + b"\0",
    "half a line": text().encode()[:300],
    "two records in a line": (text() + text()).encode(),
    "words": b"this is no record",
    "Latin-1": text().encode().replace(b'"als"', b'"\xe9\xff"'),
    "UTF-16": text().encode("utf-16")[:-1].replace(b"\n", b""),
    "half a character": text().encode().replace(b'"als"', b'"\xc3"'),
    "an encoded surrogate": text().encode().replace(b'"als"', b'"\xed\xa0\x80"'),
    "a lone surrogate": text().encode().replace(b'"als"', b'"\\ud800"'),
    "single quotes": text().replace('"', "'").encode(),
    "a comma at the end": text().encode()[:-1] + b",}",
    "a comment": b"# " + text().encode(),
    "a merge conflict": b"<<<<<<< HEAD",
    "gzip": gzip.compress(text().encode()).replace(b"\n", b""),
    "brackets without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "a number without end": b'{"schema": 2, "identity": ' + b"9" * 100_000 + b"}",
    # JSON, but no record.
    "null": b"null",
    "true": b"true",
    "a number": b"2",
    "a text": b'"schema"',
    "a list": b"[2]",
    "an empty object": b"{}",
    "a list of records": b"[" + text().encode() + b"]",
    "schema 0": changed("schema", 0),
    "schema 3": changed("schema", 3),
    "schema 1, with parts of another shape": changed("schema", 1).replace(
        b'"metrics": {', b'"metrics": 5, "a": {'
    ),
    "schema as text": changed("schema", "2"),
    "schema null": changed("schema", None),
    "schema a list": changed("schema", [2]),
    "schema true": changed("schema", True),
    # A part is missing, or of another type.
    **{f"without {place}": without(place) for place in (
        "identity", "started_at", "status", "cell", "data", "source", "environment", "schema",
        "cell.seed", "cell.implementation", "metrics.rmse", "times.fit_s", "data.scale",
        "environment.machine", "source.implementation_hash")},
    **{f"{place} is {type(value).__name__}": changed(place, value) for place, value in (
        ("identity", None), ("identity", 5), ("identity", ["a"]), ("status", "excellent"),
        ("status", None), ("cell", []), ("cell", "als"), ("cell.hyperparameters", [1]),
        ("cell.implementation", {}), ("cell.seed", "seven"), ("cell.seed", 0.5),
        ("cell.threads", None), ("metrics", "good"), ("metrics.rmse", "low"),
        ("metrics.flags", "flag"), ("metrics.flags", [1]), ("metrics.slices", {}),
        ("metrics.slices.0.by", "colour"), ("times", 12), ("goals", {"a": 1}),
        ("goals", [1]), ("curve", "up"), ("curve", [[1, 2, 3, 4]]), ("memory", "much"),
        ("data.scale", [1]), ("data.options", {"a": 1}), ("environment.versions", "new"),
        ("environment.roofs", [{}]), ("thread_pools", {"a": "b"}), ("log", None))},
    # Figures that nothing has.
    **{f"{place} = {str(value)[:12]}": changed(place, value) for place, value in (
        ("data.fingerprint", ""),
        ("metrics.rmse", float("nan")), ("metrics.rmse", float("inf")),
        ("metrics.mae", float("-inf")), ("metrics.n_test", HUGE), ("cell.seed", HUGE),
        ("cell.seed", -HUGE), ("cell.threads", HUGE), ("data.n_users", HUGE),
        ("data.n_ratings", 1e300), ("memory.host_peak_bytes", HUGE), ("times.fit_s", 1e300),
        ("times.wall_s", float("nan")), ("times.fit_s", -1e300), ("goals.0.rmse", float("nan")),
        ("goals.0.seconds", 1e300), ("environment.load", float("nan")),
        ("environment.roofs.0.flops_per_s", 0), ("environment.roofs.0.bandwidth", {}),
        ("environment.roofs.0.bandwidth", {"a": 1}), ("curve.3.rmse", -1), ("curve.3.rmse", 1e300),
        ("curve.3.epoch", -1), ("curve.3.epoch", HUGE), ("curve.3.seconds", float("inf")))},
    "1e999": text().encode().replace(b'"rmse": 0.9,', b'"rmse": 1e999,', 1),
    # Curves that no training draws.
    "epochs that fall": changed("curve", [{**POINT, "epoch": 2}, POINT]),
    "an epoch twice": changed("curve", [POINT, POINT]),
    "seconds that fall": changed("curve", [POINT, {**POINT, "epoch": 2, "seconds": 0.5}]),
    # Dates that no clock shows.
    **{f"started_at {value!r}": changed("started_at", value) for value in (
        "", "yesterday", "2026-99-99T00:00:00+00:00", "0000-00-00T00:00:00+00:00",
        "99999-01-01T00:00:00+00:00", "2026-11-20", "2026-11-20T09:00:00+14:00", "zzzz",
        "2026-11-20T09:00:00+00:00\n## A heading", "-1", "1e9")},
    "reused_at zzzz": changed("reused_at", "zzzz"),
    # Too much of it.
    "a reason of 2 MB": lambda: changed("reason", "x" * 2_000_000),
    "a name of 2 MB": lambda: changed("cell.implementation", "x" * 2_000_000),
    "a version of 2 MB": lambda: changed("environment.versions", {"numpy": "1" * 2_000_000}),
    "hyperparameters nested 250 deep": changed("cell.hyperparameters", {"a": nested(250)}),
    "rules nested 250 deep": changed("cell.rules", {"a": nested(250)}),
    "a longer line than any": lambda: b" " * (LONGEST_LINE + 5),
}  # fmt: skip


def poisoned(name: str) -> bytes:
    found = POISONED[name]
    return found if isinstance(found, bytes) else found()


def store(out: Path, lines: list[bytes], name: str = "box-1.jsonl") -> RecordStore:
    """A store of one file."""
    (out / "records").mkdir(parents=True, exist_ok=True)
    (out / "records" / name).write_bytes(b"".join(it + b"\n" for it in lines))
    return RecordStore(out)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plot, "png", lambda *_: b"")


def pages(out: Path) -> dict[str, str]:
    """What a report writes of the store, less the list of what cannot be read."""
    write(out)
    written = {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.md")}
    written["index.md"] = written["index.md"].partition("\n## Unreadable lines")[0].rstrip()
    return written


def test_there_are_many() -> None:
    assert len(POISONED) >= 100


@pytest.mark.usefixtures("undrawn")
def test_each_poisoned_line_is_named_and_none_changes_anything(tmp_path: Path) -> None:
    """All in one file: one that is read is missing among the named, and one more record."""
    clean = store(tmp_path / "clean", GOOD)
    lines = [poisoned(name) for name in POISONED]
    records, bad = store(tmp_path / "poisoned", [GOOD[0], *lines, GOOD[1]]).read()
    names = dict(enumerate(POISONED, start=2))
    assert [names.get(it.number) for it in bad] == list(POISONED)
    assert {it.path for it in bad} == {tmp_path / "poisoned" / "records" / "box-1.jsonl"}
    assert [names[it.number] for it in bad if not 0 < len(it.problem) < 300] == []
    assert records == clean.read()[0]
    assert pages(tmp_path / "poisoned") == pages(tmp_path / "clean")
    index = (tmp_path / "poisoned" / "index.md").read_text(encoding="utf-8")
    assert [name for n, name in names.items() if f"- box-1.jsonl:{n}: " not in index] == []
    assert compare(records, "numpy_sgd", "bias") == compare(clean.read()[0], "numpy_sgd", "bias")


HARMLESS: dict[str, bytes] = {
    "CR before its end": GOOD[1] + b"\r",
    "spaces around": b"  " + GOOD[1] + b"\t ",
    "a key that is not known": GOOD[1][:-1] + b', "colour": "red"}',
    "a key twice": GOOD[1][:-1] + b', "status": "failed", "status": "ok"}',
    "other spacing": json.dumps(json.loads(GOOD[1]), separators=(",", ":")).encode(),
    "its keys in another order": json.dumps(json.loads(GOOD[1]), sort_keys=True).encode(),
    "ASCII": json.dumps(json.loads(GOOD[1]), ensure_ascii=True).encode(),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_says_the_same_is_the_same_record(tmp_path: Path, name: str) -> None:
    records, bad = store(tmp_path, [GOOD[0], HARMLESS[name]]).read()
    assert (records, bad) == (store(tmp_path, GOOD).read()[0], [])


def test_a_byte_order_mark_costs_no_record(tmp_path: Path) -> None:
    records, bad = store(tmp_path, [b"\xef\xbb\xbf" + GOOD[0], GOOD[1]]).read()
    assert (len(records), bad) == (2, [])


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "value",
    [10**4000, nested(100), float("nan"), -(10**400), 1e308, "\ud7ff" * 1000, {"": {}}, [[]]],
    ids=lambda value: str(value)[:9],
)
@pytest.mark.parametrize("name", ["factors", "epochs", "batch_size", "zz"])
def test_no_hyperparameter_stops_a_page(tmp_path: Path, name: str, value: Any) -> None:
    """They are anything that JSON holds."""
    fields = line()
    fields["cell"] |= {"implementation": "numpy_sgd", "threads": 2}
    fields["metrics"]["n_train"] = 1000
    fields["cell"]["hyperparameters"] = {"factors": 8, name: value}
    others = json.loads(GOOD[0])
    records, bad = store(tmp_path, [*GOOD, json.dumps(fields).encode()]).read()
    assert (len(records), bad) == (3, [])
    assert others["cell"]["hyperparameters"] == records[0].cell.hyperparameters
    write(tmp_path)


@pytest.mark.parametrize(
    "name", ["empty", "nothing but newlines", "gzip", "a folder", "null bytes"]
)
def test_a_poisoned_file_costs_no_record_of_another(tmp_path: Path, name: str) -> None:
    store(tmp_path, GOOD)
    path = tmp_path / "records" / "a.jsonl"
    if name == "a folder":
        path.mkdir()
    else:
        contents = {"empty": b"", "nothing but newlines": b"\n" * 9, "null bytes": b"\0" * 10**6}
        contents["gzip"] = gzip.compress(b"\n".join(GOOD * 9))
        path.write_bytes(contents[name])
    records, bad = RecordStore(tmp_path).read()
    assert len(records) == 2
    assert {it.path for it in bad} == ({path} if name in ("gzip", "null bytes") else set())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    store(tmp_path, GOOD)
    other = store(tmp_path, GOOD, "a.jsonl").folder / "a.jsonl"
    other.chmod(0)
    records, bad = RecordStore(tmp_path).read()
    assert (len(records), [it.path for it in bad]) == (2, [other])


def test_every_verb_names_the_place_of_each(command: Bench, tmp_path: Path, ratings: Path) -> None:
    small = [it for it in POISONED.values() if isinstance(it, bytes) and len(it) < 20_000]
    out = tmp_path / "results"
    lines = [GOOD[0], *small, GOOD[1]]
    store(out, lines)
    store(out / FOLDER, [*small, GOOD[0]])
    study = tmp_path / "mine.toml"
    study.write_text(
        f'description = ""\nimplementations = ["numpy_sgd"]\ndataset = "{ratings}"\n'
        "fixed = { epochs = 1 }\n[space]\nfactors = { choices = [2, 64] }\n"
    )
    places = [f"results/records/box-1.jsonl:{n}: " for n in range(2, len(small) + 2)]
    trials = [f"results/tuning/records/box-1.jsonl:{n}: " for n in range(1, len(small) + 1)]
    verbs = {
        ("run", "--impl", "bias", "--dataset", str(ratings), "--dry-run"): places,
        ("compare", "numpy_sgd", "bias"): places,
        ("report",): [*places, *trials],
        ("migrate",): [*places, *trials],
        ("tune", str(study), "--trials", "1"): trials,
    }
    for verb, expected in verbs.items():
        done = command(*verb)
        assert done.returncode == 0, (verb, done.stderr)
        assert "Traceback" not in done.stderr
        named = "".join(done.stderr.split())
        assert [it for it in expected if "".join(it.split()) not in named] == [], verb
    assert (out / "records" / "box-1.jsonl").read_bytes() == b"".join(it + b"\n" for it in lines)
