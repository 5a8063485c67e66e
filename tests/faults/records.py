"""Record files with a line, or a file, that is no record: each is named and left out, and no page
changes. What is a record still, however odd, is shown in a page that is whole."""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.case import Case, run_one
from tests.faults.place import Figures, Place, WrongError
from tests.support.records import record

KIND = "records"
NAME = "box-1.jsonl"
HONEST = ("bias", "als")


@functools.cache
def honest() -> list[bytes]:
    """Lines of the records that must be shown."""
    rows = [record(name, seed=seed, minute=seed) for name in HONEST for seed in range(2)]
    return [row.to_line().encode() + b"\n" for row in rows]


def _line(**changes: object) -> dict:
    line = json.loads(record("numpy_sgd", minute=9).to_line())
    for path, value in changes.items():
        *places, last = path.split("__")
        part = line
        for place in places:
            part = part[int(place)] if isinstance(part, list) else part[place]
        part[int(last) if isinstance(part, list) else last] = value
    return line


@dataclass(frozen=True)
class Poisoned:
    """`line` is among the honest lines; `skipped` says that it must be named by file and number,
    and that the pages must be those without it. `laid` puts what is no line in the folder."""

    name: str
    line: bytes | Callable[[], bytes] = b""
    skipped: bool | None = True
    laid: Callable[[Path], None] | None = None
    files: Callable[[bytes], bytes] | None = None

    def run(self, place: Place, figures: Figures) -> str:
        folder = place.results / "records"
        folder.mkdir(parents=True)
        line = self.line() if callable(self.line) else self.line
        content = b"".join([*honest()[:2], line and line + b"\n", *honest()[2:]])
        (folder / NAME).write_bytes(self.files(content) if self.files else content)
        if self.laid:
            self.laid(folder)
        done = place.bench("report")
        if done.code:
            raise WrongError(f"report: exit code {done.code}: {done.text[-600:]}")
        pages = _pages(place)
        plan = place.bench("run", "--impl", "bias", "--dataset", "ratings.csv", "--dry-run")
        if plan.code:
            raise WrongError(f"run --dry-run: exit code {plan.code}: {plan.text[-600:]}")
        named = re.search(rf"{NAME}:3\b|{NAME}: |x\.jsonl", done.err) is not None
        if self.skipped:
            if not named:
                raise WrongError(f"not named: {done.text[-400:]}")
            index = pages["index.md"].partition("\n## Unreadable lines")[0]
            if {**pages, "index.md": index.strip()} != clean():
                raise WrongError("the pages are not those without it")
        for name, page in pages.items():
            self._check_page(name, page)
        return (done.err.strip().splitlines() or ["shown"])[0][:200]

    def _check_page(self, name: str, page: str) -> None:
        if found := re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page):
            raise WrongError(f"{name} has the control character {found[0]!r}")
        if re.search(r"\| *(nan|inf|-inf|None)\b", page):
            raise WrongError(f"{name} has a figure that is none")
        for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            if len(widths) > 1:
                raise WrongError(f"{name} has a broken table: {table[:300]}")
        if name == "ml-100k.md" and not all(row in page for row in HONEST):
            raise WrongError(f"{name} lacks an honest row")


@functools.cache
def clean() -> dict[str, str]:
    """The pages of the honest records alone; computed once, before the cases fork."""

    def pages(place: Place, _: Figures) -> str:
        folder = place.results / "records"
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes(b"".join(honest()))
        place.bench("report")
        return json.dumps(_pages(place))

    found: dict[str, str] = json.loads(run_one(Case(KIND, "clean", pages), {}).came)
    return {**found, "index.md": found["index.md"].strip()}


def _pages(place: Place) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in place.results.glob("*.md")}


def _dump(line: object) -> bytes:
    return json.dumps(line).encode()


def _bytes() -> Iterator[Poisoned]:
    good = _dump(_line())
    lines = {
        "null bytes": b"\0" * 1000, "a null byte in a name": good.replace(b"numpy_sgd", b"n\0d", 1),
        "not JSON": b"hello", "a torn line": good[:300], "the end of a line": good[300:],
        "two records in a line": good + good, "a list": b"[]", "a number": b"5", "null": b"null",
        "a text": b'"x"', "an empty object": b"{}", "true": b"true", "not UTF-8": b"\xff\xfe\xfd",
        "not UTF-8 in a name": good.replace(b"numpy_sgd", b"n\xff", 1),
        "UTF-16": good.decode().encode("utf-16-le"), "deep nesting": b"[" * 100_000,
        "deep objects": b'{"a":' * 100_000, "deep nesting that ends": b"[" * 50_000 + b"]" * 50_000,
        "a text of 10 MB": good.replace(b"numpy_sgd", b"x" * 10_000_000, 1)[:-20],
        "a line of 10 MB of spaces and no record": b" " * 10_000_000 + b"x",
        "a huge integer": good.replace(b'"n_test": 10000', b'"n_test": ' + b"9" * 5000),
        "NaN": good.replace(b'"rmse": 0.92,', b'"rmse": NaN,', 1),
        "infinity": good.replace(b'"rmse": 0.92,', b'"rmse": Infinity,', 1),
        "minus infinity": good.replace(b'"rmse": 0.92,', b'"rmse": -Infinity,', 1),
        "1e999": good.replace(b'"rmse": 0.92,', b'"rmse": 1e999,', 1),
        "a merge conflict": b"<<<<<<< HEAD", "a comment": b"# a record", "CSV": b"a,b,c",
        "single quotes": good.replace(b'"', b"'"), "a comma at the end": good[:-1] + b",}",
        "an ellipsis": b"...", "HTML": b"<html></html>", "a carriage return": good[:90] + b"\r",
        "an escape sequence": b"\x1b[31m\x1b]0;x\x07", "LFS's pointer": b"version https://git-lfs",
    }  # fmt: skip
    for name, line in lines.items():
        yield Poisoned(name, line)
    harmless = {
        "CRLF": good + b"\r", "spaces around": b"  " + good + b"  ", "an empty line": b"", "spaces": b"   ",
        "a duplicate key": good[:-1] + b', "status": "ok"}', "a key too many": good[:-1] + b', "x": 1}',
    }  # fmt: skip
    for name, line in harmless.items():
        yield Poisoned(name, line, skipped=None)


def _fields() -> Iterator[Poisoned]:
    wrong: dict[str, tuple] = {
        "schema": (0, 3, -1, "2", None, 2.5, [2], True),
        "status": ("great", "", None, 5, [], "OK"),
        "cell": (None, [], "x", {}),
        "cell__seed": ("x", None, 1e400, [1], 1.5),
        "cell__threads": ("x", None, [1]),
        "cell__implementation": (None, 5, [], {}),
        "cell__hyperparameters": (None, [], "x"),
        "metrics": ([], "x", {}),
        "metrics__rmse": ("x", None, [], {}),
        "metrics__n_test": ("x", None, 1.5),
        "metrics__flags": ("x", [5], {}),
        "times": ([], "x", {}),
        "times__fit_s": ("x", None, 1e300, -1e300),
        "times__wall_s": (1e200,),
        "curve": ("x", {}, [5], [[]]),
        "curve__0__rmse": ("x", None, -1, 1e300),
        "curve__0__epoch": ("x", None, 1.5),
        "curve__0__seconds": ("x", None, 1e300),
        "goals__0__rmse": ("x", None),
        "data": (None, [], {}),
        "data__scale": (None, [1], [1, 2, 3], "x", [5, "x"]),
        "data__n_users": ("x", None, 1.5),
        "environment": (None, [], {}),
        "environment__machine": (None, 5),
        "environment__versions": (None, [], {"numpy": 5}),
        "environment__memory_gb": ("x", None),
        "source": (None, [], {}),
        "identity": (None, 5, []),
        "started_at": (None, 5, []),
    }
    for path, values in wrong.items():
        for value in values:
            yield Poisoned(f"{path} {value!r}", lambda p=path, v=value: _dump(_line(**{p: v})))


HOSTILE = "\x1b[31m\x07\u202e$x_`|\n# 漢\r\ud83d<b>[red]:smile:"


def _odd() -> Iterator[Poisoned]:
    """A record by its types, with values that no run has: skipped or shown."""
    odd: dict[str, tuple] = {
        "started_at": (
            "",
            "yesterday",
            "0000-00-00",
            "9999-12-31T23:59:59",
            "x" * 10_000,
            "2026-11-26T06:16:03+99:99",
            "-0001-01-01T00:00:00+00:00",
            HOSTILE,
        ),
        "cell__implementation": ("", HOSTILE, "x" * 100_000, "../../etc/passwd", "a/b:C", "-rf"),
        "cell__dataset": (
            "",
            HOSTILE,
            "x" * 300,
            "../x",
            "/etc/passwd",
            ".",
            "..",
            "a/b",
            "con",
            "index",
            "README",
            "a\x00b",
            "😀",
        ),
        "cell__split": ("", HOSTILE, "random:0/0/0", "../x"),
        "cell__device": ("", HOSTILE, "cuda:99999", "a | b"),
        "cell__model": ("", HOSTILE, "| x |"),
        "cell__preset": ("", HOSTILE),
        "cell__suite": (HOSTILE,),
        "cell__seed": (-1, 10**30, 0),
        "cell__threads": (0, -5, 10**12),
        "cell__hyperparameters": (
            {HOSTILE: HOSTILE},
            {"a": [[[[]]]]},
            {"x": None},
            {"x": "y" * 10_000},
        ),
        "metrics__rmse": (-1, 0, 1e308, 1e-308),
        "metrics__n_test": (0, -1, 10**30),
        "metrics__n_train": (0, -1, 10**30),
        "metrics__epochs": (-1, 10**30),
        "metrics__flags": ([HOSTILE], ["x" * 10_000] * 5),
        "times__fit_s": (-1, 0, 1e11, 1e-300),
        "times__epoch_s": (-5, 0),
        "curve": ([],),
        "curve__0__epoch": (-1, 10**30, 99),
        "curve__0__seconds": (-1, 99, 0),
        "curve__0__rmse": (0, 1e38),
        "goals__0__rmse": (-1, 0, 1e300),
        "memory__host_peak_bytes": (-1, 0, 10**30),
        "data__scale": ([5, 1], [0, 0], [-1e308, 1e308]),
        "data__fingerprint": ("", HOSTILE, "../x", "x" * 300),
        "data__n_users": (-1, 0, 10**30),
        "data__note": (HOSTILE,),
        "environment__machine": ("", HOSTILE, "../x", "x" * 300),
        "environment__cpu": (HOSTILE, ""),
        "environment__versions": ({}, {HOSTILE: HOSTILE}, {"numpy": ""}),
        "environment__python": ("", HOSTILE),
        "environment__cores": (0, -1, 10**30),
        "environment__load": (-1, 1e308),
        "source__git_sha": (HOSTILE, ""),
        "reason": (HOSTILE, "x" * 100_000),
        "status": ("failed", "timeout", "skipped"),
        "identity": ("", HOSTILE),
        "log": (HOSTILE,),
    }
    for path, values in odd.items():
        for number, value in enumerate(values, start=1):
            shown = ascii(value)[:30] if value != HOSTILE else "hostile text"
            yield Poisoned(f"odd {path} {number}: {shown}", lambda p=path, v=value: _dump(_line(**{p: v})),
                           skipped=None)  # fmt: skip
    sorted_down = _line()
    sorted_down["curve"].reverse()
    yield Poisoned("a curve that runs backwards", lambda: _dump(sorted_down), skipped=None)
    points = [{"epoch": n, "seconds": 0, "rmse": 1, "mae": 1} for n in range(100_000)]
    yield Poisoned("a curve of 100,000 points", lambda: _dump(_line(curve=points)), skipped=None)


def _files() -> Iterator[Poisoned]:
    yield Poisoned("gzip", files=gzip.compress, skipped=False)
    whole: dict[str, Callable[[bytes], bytes]] = {
        "a BOM": lambda data: b"\xef\xbb\xbf" + data,
        "CRLF everywhere": lambda data: data.replace(b"\n", b"\r\n"),
        "no last line break": lambda data: data[:-1],
        "half a last line": lambda data: data[:-200],
        "each line twice": lambda data: data.replace(
            b"\n", b"\n" + data.split(b"\n")[0] + b"\n", 1
        ),
    }
    for name, change in whole.items():
        yield Poisoned(name, files=change, skipped=None)
    laid: dict[str, Callable[[Path], object]] = {
        "an empty file": lambda folder: (folder / "x.jsonl").touch(),
        "a folder": lambda folder: (folder / "x.jsonl").mkdir(),
        "a link to nowhere": lambda folder: (folder / "x.jsonl").symlink_to("/nowhere"),
        "a link to itself": lambda folder: (folder / "x.jsonl").symlink_to("x.jsonl"),
        "a link to /dev/zero": lambda folder: (folder / "x.jsonl").symlink_to("/dev/zero"),
        "a name that is not UTF-8": lambda folder: (folder / "\udcff.jsonl").write_bytes(b"x\n"),
        "a name with escapes": lambda folder: (folder / "\x1b[31m.jsonl").write_bytes(b"x\n"),
        "a name that is markup": lambda folder: (folder / "[red]:100:.jsonl").write_bytes(b"x\n"),
        "another suffix": lambda folder: (folder / "x.json").write_bytes(b"x\n"),
        "a hidden file": lambda folder: (folder / ".x.jsonl").write_bytes(b"x\n"),
        "a million empty lines": lambda folder: (folder / "x.jsonl").write_bytes(b"\n" * 1_000_000),
    }
    for name, lay in laid.items():
        yield Poisoned(f"beside it {name}", laid=lay, skipped=None)


def cases() -> list[Case]:
    clean()
    poisoned = [each for family in (_bytes, _fields, _odd, _files) for each in family()]
    return [Case(KIND, each.name, each.run) for each in poisoned]
