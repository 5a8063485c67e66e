"""Predictions for raw pairs: which columns they are in, and which ids they are."""

from __future__ import annotations

import errno
import io
import re
import resource
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from bench.cli import app
from bench.commands import terminal
from bench.commands.predict import Requested, _model, layout_of_pairs, predict
from bench.commands.terminal import UsageError
from bench.planning import availability
from bench.planning.loading import ImplementationError
from datasets.reading.layout import AS_DETECTED, Layout

HEADER = "user,item,rating\n"
RATINGS = "".join(f"{60 + n % 9},{40 + n // 9},{n % 5 + 1}\n" for n in range(60))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("ratings.csv").write_text(HEADER + RATINGS)


def bench(pairs: str, *words: str, ratings: str = "ratings.csv") -> Result:
    Path("pairs.csv").write_text(pairs)
    given = ["predict", "--impl", "bias", "--dataset", ratings, "--pairs", "pairs.csv"]
    return CliRunner().invoke(app, [*given, *words])


def predictions(done: Result) -> list[tuple[str, str]]:
    """Prediction and cold start of each pair."""
    assert done.exit_code == 0, done.output
    rows = [row.split(",") for row in done.stdout.splitlines()[1:]]
    return [(prediction, cold) for *_, prediction, cold in rows]


def test_hyperparameters_of_a_choice_are_tuples_again_where_the_class_has_tuples(
    tmp_path: Path,
) -> None:
    (tmp_path / "layered.py").write_text(LAYERED)
    row = f"{tmp_path / 'layered.py'}:Layered"
    chosen = {"layers": [2, 3]}
    request = Requested(row, "ratings.csv", AS_DETECTED, "cpu", chosen=chosen)
    model: Any = _model(request, 0)
    assert model.layers == (2, 3)


LAYERED = """
from dataclasses import dataclass


@dataclass
class Layered:
    layers: tuple = (1,)
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=None):
        return self

    def predict(self, users, items):
        return users
"""


@pytest.mark.parametrize(
    ("row", "message"), [("peer:cornac_mf", "make peers"), ("triton_sgd", "CUDA only")]
)
def test_a_row_that_cannot_run_gets_the_reason(
    row: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "versions", lambda _: {})
    pairs = Path("pairs.csv")
    pairs.write_text("60,40\n")
    with pytest.raises(ImplementationError, match=message):
        predict(Requested(row, "ratings.csv", AS_DETECTED, "cpu"), pairs, 0, None)


@pytest.mark.parametrize(
    "pairs",
    [
        "item,user\n45,60\n41,68\n",
        "user,timestamp,item\n60,2000000000,45\n68,2000000000,41\n",
        "rating,movieId,userId\n5,45,60\n5,41,68\n",
        "user,item\n60.0,45.0\n68.0,41.0\n",
        "user,item\n 60 ,45\n68,\t41\n",
        "user\titem\n60\t45\n68\t41\n",
        "60;45\n68;41\n",
        "60,45,ignored\n68,41,too\n",
    ],
)
def test_columns_are_found_by_header_and_ids_are_read_as_in_training(pairs: str) -> None:
    expected = predictions(bench("user,item\n60,45\n68,41\n"))
    assert len({prediction for prediction, _ in expected}) == 2
    assert {cold for _, cold in expected} == {"0"}
    assert predictions(bench(pairs)) == expected


@pytest.mark.parametrize(
    ("pairs", "header"),
    [
        ("userId,movieId\n60,40\n", "userId,movieId"),
        ("movieId,note,userId\n40,x,60\n", "userId,movieId"),
        ("60,40\n", "user,item"),
    ],
)
def test_predictions_have_the_columns_names_of_the_pairs(pairs: str, header: str) -> None:
    for _ in range(2):  # the second takes the place of the first
        assert bench(pairs, "--output", "out.csv").exit_code == 0
    [first, *_] = Path("out.csv").read_text().splitlines()
    assert first == f"{header},prediction,cold_start"


def test_what_is_not_read_and_cold_starts_are_reported() -> None:
    done = bench("user,timestamp,item\n60,1,45\n999,1,45\n999,1,999\nann,1,45\n")
    assert [cold for _, cold in predictions(done)] == ["0", "1", "1", "1"]
    counted = "4 pairs, 3 cold starts (3 with a user, 1 with an item that training does not have)"
    assert f"pairs.csv: {counted}\n" in done.stderr
    assert "timestamp" in done.stderr


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("user,item\n60,45\n60\n", "pairs.csv:3: "),
        ("user,item\n60,45\n,45\n", "pairs.csv:3: "),
        ("", "pairs.csv"),
        ("user,item\n", "pairs.csv"),
        ("999.0,999.0\n60\n", "pairs.csv:2: "),
        ("song,account\n45,60\n", "'song' and 'account', names no user and no item column"),
    ],
)
def test_a_line_that_is_no_pair_is_named(pairs: str, message: str) -> None:
    done = bench(pairs)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert message in done.stderr
    assert done.stdout == ""


def test_a_first_line_that_may_be_a_header_is_a_warning_where_ids_are_words() -> None:
    text = re.sub(r"^(\d+),(\d+)", r"u\1,i\2", RATINGS, flags=re.MULTILINE)
    Path("ratings.csv").write_text(HEADER + text)
    assert "WARNING" not in bench("u60,i45\n").stderr
    done = bench("account,song\nu60,i45\n")
    assert "WARNING: pairs.csv: its first line, 'account' and 'song'" in done.stderr
    assert [cold for _, cold in predictions(done)] == ["1", "0"]


def test_names_in_columns_hold_for_both_files_and_positions_for_the_ratings() -> None:
    expected = predictions(bench("user,item\n60,45\n68,41\n"))
    Path("ratings.csv").write_text(f"account,song,plays\n{RATINGS}")
    names = ["--columns", "user=account,item=song,rating=plays"]
    assert predictions(bench("song,account\n45,60\n41,68\n", *names)) == expected
    positions = ["--columns", "user=1,item=2,rating=3"]
    assert predictions(bench("item,user\n45,60\n41,68\n", *positions)) == expected


NAMES = ("--columns", "user=account,item=song,rating=plays")


@pytest.mark.parametrize(
    "pairs",
    [
        "account,song\n60,45\n68,41\n",
        "Song;ACCOUNT\n45;60\n41;68\n",
        "user,item\n60,45\n68,41\n",
        "Item,USER\n45,60\n41,68\n",
        "movieId,note,userId\n45,x,60\n41,x,68\n",
        "song,user\n45,60\n41,68\n",
        "item,account\n45,60\n41,68\n",
        "user,item,account\n1,45,60\n1,41,68\n",
    ],
)
def test_pairs_are_named_as_the_ratings_or_user_and_item(pairs: str) -> None:
    expected = predictions(bench("user,item\n60,45\n68,41\n"))
    Path("ratings.csv").write_text(f"account,song,plays\n{RATINGS}")
    assert predictions(bench(pairs, *NAMES)) == expected


@pytest.mark.parametrize(
    ("pairs", "absent"),
    [
        ("buyer,thing\n60,45\n", "no column account or user and no column song or item"),
        ("60,45\n68,41\n", "no column account or user and no column song or item"),
        ("user,thing\n60,45\n", "no column song or item"),
        ("song,buyer\n60,45\n", "no column account or user"),
    ],
)
def test_pairs_that_are_named_in_neither_way_are_one_error(pairs: str, absent: str) -> None:
    Path("ratings.csv").write_text(f"account,song,plays\n{RATINGS}")
    done = bench(pairs, *NAMES)
    assert done.exit_code == 2
    header = pairs.partition("\n")[0].replace(",", ", ")
    assert done.stderr.splitlines()[-1] == (
        f"error: pairs.csv:1: the header {header} names {absent}. Call the columns as in the "
        "ratings file, or user and item."
    )


def test_a_table_of_pairs_is_named_as_the_ratings_or_user_and_item() -> None:
    Path("ratings.csv").write_text(f"account,song,plays\n{RATINGS}")
    expected = predictions(bench("account,song\n60,45\n", *NAMES))
    words = ("--pairs", "pairs.parquet", *NAMES)
    for names in (["song", "account"], ["Item", "user"], ["song", "user"]):
        parquet.write_table(pa.table(dict(zip(names, ([45], [60]), strict=True))), "pairs.parquet")
        assert predictions(bench("", *words)) == expected
    parquet.write_table(pa.table({"thing": [45], "user": [60]}), "pairs.parquet")
    done = bench("", *words)
    assert done.exit_code == 2
    assert "name no column song or item. Call the columns as in the ratings" in done.stderr


def test_options_describe_the_pairs_where_the_ratings_are_of_the_catalog() -> None:
    given = Layout(columns={"user": "2", "item": "1"}, delimiter=";", header=False)
    assert layout_of_pairs(given, "ml-100k") == given
    assert layout_of_pairs(given, "ratings.csv") == AS_DETECTED
    for of_ratings in (Layout(missing=("99",)), Layout(columns={"rating": "r"})):
        with pytest.raises(UsageError, match="ml-100k is of the catalog"):
            layout_of_pairs(of_ratings, "ml-100k")


UNKNOWN = "of a user and an item of ratings.csv"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("900,40\n901,41\n", f"none of its 2 pairs is {UNKNOWN}"),
        ("900,40\n", f"its only pair is not {UNKNOWN}"),
        ("60,40\n" + "900,40\n" * 10, f"only 1 of its 11 pairs is {UNKNOWN}"),
        ("60,40\n" * 2 + "900,40\n" * 19, f"only 2 of its 21 pairs are {UNKNOWN}"),
    ],
)
def test_pairs_that_are_hardly_known_are_a_warning(pairs: str, message: str) -> None:
    done = bench(pairs)
    assert done.exit_code == 0
    assert f"WARNING: pairs.csv: {message}" in done.stderr
    assert "ids may be those of another file" in done.stderr


def test_pairs_the_other_way_round_are_recognised() -> None:
    done = bench("40,60\n41,68\n")
    warning = " ".join(done.stderr.split())
    assert "with user and item the other way round 2 would be" in warning
    assert "put that line above them" in warning
    assert "WARNING" not in bench("item,user\n40,60\n41,68\n").stderr
    assert "WARNING" not in bench("60,40\n" + "900,40\n" * 9).stderr, "a tenth is known"


BREAKS = """
from dataclasses import dataclass
from impls.bias import Bias

@dataclass
class Row(Bias):
    def fit(self, train, training=None):
        raise ValueError("too few\\nratings")
"""


def test_an_error_in_a_row_is_one_line() -> None:
    Path("own.py").write_text(BREAKS)
    done = bench("60,40\n", "--impl", "own.py:Row")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "error: own.py:8: ValueError: too few"
    assert "Traceback" not in done.output


NOT_FINITE = """
from dataclasses import dataclass
import numpy as np
from impls.bias import Bias

@dataclass
class Row(Bias):
    def predict(self, users, items):
        return np.where(users == users[0], VALUE, 3).astype(np.float32)
"""


@pytest.mark.parametrize("value", ["np.nan", "-np.inf"])
def test_predictions_that_are_not_finite_are_an_error_and_nothing_is_written(value: str) -> None:
    Path("own.py").write_text(NOT_FINITE.replace("VALUE", value))
    done = bench("60,40\n61,40\n999,40\n", "--impl", "own.py:Row", "--output", "out.csv")
    assert done.exit_code == 2
    problem = "error: own.py:Row: 1 of 2 predictions is not finite"
    assert done.stderr.splitlines()[-1] == problem
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nodir/out.csv", "its folder does not exist"),
        (".", "is a folder"),
        ("pairs.csv", "is one of the files that are read"),
        ("own.py", "holds no predictions, and would be lost"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_training(
    output: str, message: str
) -> None:
    Path("own.py").write_text(BREAKS)
    done = bench("60,40\n", "--impl", "own.py:Row", "--output", output)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: --output {output}: {message}")


def test_predictions_take_the_place_of_older_ones_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = Path("out.csv")
    output.touch()
    for pairs in ("60,40\n", "60,40\n61,40\n"):
        assert bench(pairs, "--output", "out.csv").exit_code == 0
        assert len(output.read_text().splitlines()) == 1 + len(pairs.splitlines())
    before = output.read_text()
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr("bench.commands.predict._about_pairs", lambda *_: limit(400, most) or "")
    try:
        done = bench("60,40\n" * 100, "--output", "out.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert done.exit_code == 2
    problem = f"error: {output.resolve()}: File too large (raise the limit that `ulimit -f` shows)"
    assert " ".join(done.stderr.split()).endswith(problem)
    assert output.read_text() == before
    assert {path.name for path in Path.cwd().iterdir()} == {
        *("cache", "ratings.csv", "pairs.csv", "out.csv")
    }


def limit(n_bytes: int, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, most))


def test_predictions_may_go_to_a_device() -> None:
    assert bench("60,40\n", "--output", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(terminal, "utf8_output", Closed)
    done = bench("60,40\n")
    assert done.exit_code == 1
    assert "error" not in done.stderr


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("", "It needs one line per pair"),
        ("user,item\n", "the file has no pairs"),
        ("60\n61\n", "or name them: --columns user=…,item=…."),
    ],
)
def test_errors_of_a_file_of_pairs_speak_of_pairs(pairs: str, message: str) -> None:
    done = bench(pairs)
    assert done.exit_code == 2
    assert message in done.stderr.replace("\n", " ")
    assert "rating" not in done.stderr.splitlines()[-1].replace("ratings.csv", "")
