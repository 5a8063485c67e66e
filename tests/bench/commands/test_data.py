"""What is shown of how a file is read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from typer.testing import CliRunner, Result

from bench.cli import app
from bench.commands.arguments import spread
from bench.commands.data import notice, short_form, warnings
from bench.commands.description import BINS, Description, describe, histogram
from bench.planning.facts import Facts
from datasets.reading.report import Column, Reading
from tests.support.ratings import dataset
from tests.support.records import data

DOCS = Path(__file__).parents[3] / "docs" / "your-data.md"
READING = Reading(
    rows=100_015,
    columns={
        "user": Column("userId", 1, "named in the header"),
        "item": Column("movieId", 3, "named in the header"),
        "rating": Column("Feedback", 4, "the one column that is left"),
    },
    ignored=("title",),
    delimiter=",",
    duplicate_rule="the latest time counts",
    dropped={"the rating 99 stands for not rated": 3},
    notes=("column 'Feedback' is taken for the rating, as the one that is left",),
    first=(("a", "b", "3.5"),),
)
FACTS = Facts(data(duplicates=12), (), READING, (874724710, 893286638))
FACTS = replace(FACTS, data=FACTS.data.model_copy(update={"duplicate_rule": "the latest counts"}))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def other_names(tmp_path: Path) -> str:
    path = tmp_path / "other.csv"
    path.write_text(
        "account,song,plays_scaled,day\n7,a,3.5,2024-01-05\n7,b,2.0,2024-01-06\n8,a,5,2024-01-07\n"
    )
    return str(path)


def bench(*words: str) -> Result:
    return CliRunner().invoke(app, [*words], env={"COLUMNS": "80"})


def test_a_file_in_one_line() -> None:
    assert short_form("/home/me/ratings.csv", FACTS) == (
        "ratings.csv: 100,000 ratings of 943 users and 1,682 items, 1 to 5, "
        "1997-09-20 to 1998-04-22; 12 rated again, the latest counts; 3 rows left out"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"times": None}, "d: 100,000 ratings of 943 users and 1,682 items, 1 to 5"),
        ({"times": (5, 2**62)}, "items, 1 to 5, 5 to 4611686018427387904"),
        ({"data": data(scale=(-9.5, 0.1), duplicates=1)}, "−9.5 to 0.1; 1 rated again, the last"),
        ({"data": data(n_users=1, n_items=1, n_ratings=1)}, "d: 1 rating of 1 user and 1 item,"),
    ],
)
def test_the_line_has_what_is_known(changes: dict, line: str) -> None:
    facts = replace(FACTS, reading=None, **{"times": None, **changes})
    assert line in short_form("d", facts)


def test_what_was_assumed_is_a_warning_and_what_was_requested_is_none() -> None:
    (note,) = READING.notes
    assert warnings(FACTS) == ["3 rows left out: the rating 99 stands for not rated", note]
    requested = FACTS.data.model_copy(update={"options": {"missing": "99"}})
    assert warnings(replace(FACTS, data=requested)) == [note]
    assert warnings(replace(FACTS, reading=None)) == []


@pytest.mark.parametrize(
    ("options", "reading", "warned"),
    [
        ({"date-format": "%Y"}, READING, True),
        ({"date-format": "%Y"}, replace(READING, columns={"timestamp": Column("t", 1, "")}), False),
        ({"missing": "99"}, replace(READING, dropped={}), True),
        ({"missing": "99"}, READING, False),
        ({"delimiter": "comma"}, replace(READING, delimiter=""), True),
        ({"delimiter": "comma"}, READING, False),
        ({"no-header": "yes"}, READING, True),
        ({"no-header": "yes"}, replace(READING, header=False), False),
        ({"zeros": "missing"}, replace(READING, dropped={}), False),
    ],
)
def test_an_option_that_changes_nothing_is_a_warning(
    options: dict[str, str], reading: Reading, warned: bool
) -> None:
    known = FACTS.data.model_copy(update={"options": options})
    (option,) = options
    found = [each for each in warnings(replace(FACTS, data=known, reading=reading)) if "--" in each]
    assert [each.partition(" changes nothing: ")[0] for each in found] == [f"--{option}"] * warned


def test_a_dataset_of_the_catalog_gets_a_line_only_where_pairs_are_rated_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines: list[str] = []
    known = replace(FACTS, data=data(), reading=None)
    notice("ml-100k", known, lines.append)
    notice("ml-100k", FACTS, lines.append)
    notice("mine.csv", known, lines.append)
    assert [line.partition(":")[0] for line in lines] == ["ml-100k", "mine.csv"]
    assert capsys.readouterr().err.count("WARNING: ") == 2


def test_few_values_have_a_bar_each_and_many_share_round_bins() -> None:
    few = histogram(np.array([3.9, 0.5, 3.9], np.float32))
    assert [(bar.low, bar.high, bar.count) for bar in few] == [(0.5, 0.5, 1), (3.9, 3.9, 2)]
    many = histogram(np.linspace(-10, 10, 201, dtype=np.float32))
    assert [bar.low for bar in many] == list(range(-10, 10, 2))
    assert [bar.count for bar in many] == [*[20] * 9, 21]


@given(
    arrays.arrays(
        np.float32,
        st.integers(1, 60),
        elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
    )
)
def test_bars_cover_all_ratings(values: np.ndarray) -> None:
    bars = histogram(values)
    assert 1 <= len(bars) <= BINS
    assert sum(bar.count for bar in bars) == len(values)
    assert all(bar.low <= bar.high for bar in bars)
    assert [bar.low for bar in bars] == sorted({bar.low for bar in bars})


def test_the_json_is_of_the_documented_keys_and_nothing_else() -> None:
    found = describe("d", FACTS, dataset())
    written = json.loads(found.model_dump_json())
    assert Description.model_validate(written) == found
    section = DOCS.read_text(encoding="utf-8").partition("## The JSON")[2].partition("\n## ")[0]
    keys = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
    assert keys == written.keys() - {"note", "test", "split_digest"}


def test_json_has_the_keys_of_a_record_and_how_the_file_was_read(other_names: str) -> None:
    columns = "user=account,item=song,rating=plays_scaled,timestamp=day"
    done = bench("data", other_names, "--json", "--columns", columns)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {key: found[key] for key in ("n_ratings", "n_users", "n_items", "scale")} == {
        "n_ratings": 3,
        "n_users": 2,
        "n_items": 2,
        "scale": [2.0, 5.0],
    }
    assert found["options"] == {"columns": columns}
    assert found["columns"]["timestamp"]["position"] == 4
    assert found["first"][0] == ["7", "a", "3.5", "2024-01-05"]
    assert found["times"]["first_utc"] == "2024-01-05 00:00:00"
    assert found["histogram"][0] == {"low": 2.0, "high": 2.0, "count": 1}
    assert found["density"] == 0.75
    assert found["ids"] == {"user": "whole numbers", "item": "text"}
    assert found["test_part"] is None


def test_the_scale_is_as_the_file_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "jokes.csv"
    path.write_text("1,1,-9.98\n2,1,0.1\n1,2,9.93\n")
    assert json.loads(bench("data", str(path), "--json").stdout)["scale"] == [-9.98, 9.93]


def test_a_time_is_shown_with_its_time_zone(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    time = "2024-01-05T12:30:45.123456+02:00"
    path.write_text(f"user,item,rating,time\n1,1,1,{time}\n2,1,2,{time}\n1,2,3,{time}\n")
    assert bench("data", str(path)).stdout.count(time) == 3


def test_empty_ratings_are_left_out_on_request(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("user,item,rating\n1,1,1\n2,1,2\n1,2,3\n2,2,\n1,3,NaN\n")
    # Twice the other way round, too: what was cached with the option is not what is read without.
    for words, left_out in ((["", "nan"], 2), ([], None), ([""], None)):
        options = [word for value in words for word in ("--missing", value)]
        done = bench("data", str(path), "--json", *options)
        assert done.exit_code == (2 if left_out is None else 0), done.output
        if left_out:
            assert list(json.loads(done.stdout)["dropped"].values()) == [left_out]
            assert json.loads(done.stdout)["options"] == {"missing": ",nan"}
    path.write_text("user,item,rating\n1,1,1\n2,1,2\n1,2,3\n2,2,\n")
    done = bench("data", str(path), "--missing", "")
    assert "1 row left out" in done.stdout
    assert "rating empty, which stands for not rated" in done.stdout
    assert "read with    --missing ''" in done.stdout
    assert bench("data", str(path)).exit_code == 2


def test_a_test_file_is_counted_beside_the_train_file(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("1,a,1\n1,b,2\n2,a,3\n")
    (tmp_path / "test.csv").write_text("2,b,1\n2,c,2\n3,a,3\n3,c,3\n")
    files = [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    found = json.loads(bench("data", *files, "--json").stdout)
    assert found["n_ratings"] == 7
    assert found["test_part"] == {
        "file": files[2],
        "n_ratings": 4,
        "n_users": 2,
        "n_items": 3,
        "of_known_users": 2,
        "of_known_items": 2,
        "of_both": 1,
    }
    shown = " ".join(bench("data", *files).stdout.split())
    assert "train part 3 ratings" in shown
    assert "test part 4 ratings of 2 users and 3 items; the train file has the user of 2, " in shown
    assert "ids users: whole numbers; items: text" in shown
    refused = bench("data", "ml-100k", *files[1:])
    assert refused.exit_code == 2
    assert "name the file to train on" in refused.stderr


def test_files_of_one_name_are_shown_by_their_paths(tmp_path: Path) -> None:
    rows = "".join(f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60))
    files = [str(tmp_path / folder / "r.csv") for folder in ("a", "bb")]
    for path in map(Path, files):
        path.parent.mkdir()
        path.write_text(f"user,item,plays\n{rows}")
    words = ["run", "--impl", "bias", "--dry-run", "--dataset"]
    done = CliRunner().invoke(app, spread([*words, *files]), env={"COLUMNS": "400"})
    assert done.exit_code == 0, done.output
    for path in files:
        assert f"{path}: 60 ratings" in done.stdout
        assert f"WARNING: {path}: column 'plays'" in done.stderr
    done = CliRunner().invoke(app, [*words, files[0]], env={"COLUMNS": "400"})
    assert done.stdout.startswith("r.csv: 60 ratings")


def test_an_error_of_a_split_names_the_file_as_given(tmp_path: Path) -> None:
    path = tmp_path / "yearly.csv"
    rows = (f"{n % 9},{n // 9},{n % 5 + 1},{2000 + n % 2}-01-01\n" for n in range(60))
    path.write_text("user,item,rating,date\n" + "".join(rows))
    words = ["run", "--impl", "bias", "--split", "time:80/20", "--dataset", str(path)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {path}: time:80/20 would cut apart")


def test_a_generated_dataset_has_every_key(tmp_path: Path) -> None:
    found = json.loads(bench("data", "synthetic-100k", "--json").stdout)
    assert (found["rows"], found["columns"], found["header"]) == (None, {}, None)
    assert found["floor"] > 0


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, other_names: str) -> None:
    for words in (["nothing.csv"], [other_names], ["ml-100k", "--zeros", "ratings"]):
        for as_json in ([], ["--json"]):
            done = bench("data", *words, *as_json)
            assert done.exit_code == 2
            assert done.stdout == ""
            assert done.stderr.startswith("error: ")
            assert len(done.stderr.splitlines()) == 1


def test_a_stranger_can_read_it_in_80_columns(other_names: str) -> None:
    done = bench("data", other_names, "--columns", "user=1,item=song,rating=3,timestamp=day")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "other.csv: 3 ratings of 2 users and 2 items, 2 to 5, 2024-01-05 to 2024-01-07\n"
    )
    for line in (
        "user       1 account       ",
        "rows         3; the first line is a header",
        "delimiter    comma; no quotes",
        "7     b     2.0     2024-01-06",
        "   3.5      1  33.3 %  ━━",
        "read with    --columns user=1,item=song,rating=3,timestamp=day",
    ):
        assert line in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[1:])


def test_text_of_the_file_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"user,item,rating\n\x1b[2Jann,{'x' * 500},1\nbob,y,2\n")
    done = bench("data", str(path))
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout
    assert "\\x1b[2Jann" in done.stdout
    assert "x" * 100 not in done.stdout


def test_a_run_begins_with_what_was_read_and_warns_of_what_was_guessed(tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    rows = [f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60)]
    path.write_text(f"account,item,plays\n{''.join(rows)}0,0,5\n")
    (tmp_path / "a.csv").write_text(f"account,item,rating\n{''.join(rows)}")
    files = [str(path), str(tmp_path / "a.csv")]
    words = spread(["run", "--impl", "bias", "global_mean", "--dataset", *files, "--dry-run"])
    assert bench(*words).exit_code == 2
    done = bench(*words, "--columns", "user=account")
    assert done.exit_code == 0, done.output
    first, second, *_ = done.stdout.splitlines()
    assert first.startswith("plays.csv: 60 ratings of 9 users and 7 items, 1 to 5; 1 rated again, ")
    assert second == "a.csv: 60 ratings of 9 users and 7 items, 1 to 5"
    assert done.stderr.count("WARNING: ") == done.stderr.count("plays.csv: column 'plays'") == 1


def test_a_run_with_a_test_file_says_how_many_ratings_it_has(tmp_path: Path) -> None:
    rows = [f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60)]
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("".join(rows[:50]))
    test.write_text("".join(rows[50:]))
    words = ["run", "--impl", "bias", "--dataset", str(train), "--dry-run"]
    done = bench(*words, "--test", str(test))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("train.csv: 60 ratings of 9 users and 7 items, 1 to 5; 10 of ")
    assert (
        "; 10 of them from test.csv\n1 cell, then repeats until times are known to"
        in done.stdout.replace(" \n", "\n")
    )
    assert "train.csv, given, cpu" in done.stdout.replace("\n", " ")
    assert bench(*words, "--split", "given").exit_code == 2
    refused = bench(*words, "--split", "random:80/20", "--test", str(test))
    assert refused.exit_code == 2
    assert "chooses test ratings" in refused.stderr


def test_options_without_a_file_are_refused() -> None:
    done = bench("run", "--dataset", "ml-100k", "--no-header")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: --no-header says how a file is read, but ml-100k is")
