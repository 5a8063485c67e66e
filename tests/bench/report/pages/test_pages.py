"""A dataset's page: its sections, and the sentences around the tables."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from bench.records import Point, Record, Slice
from bench.report.comparison import compare
from bench.report.files import MARK, page_name
from bench.report.formats import title
from bench.report.grouping import tables
from bench.report.markdown import escaped
from bench.report.metrics import goal_name, goals_of
from bench.report.pages.dataset import page
from bench.report.plots.curves import curves
from bench.report.plots.pareto import pareto
from bench.report.rows import Table
from bench.report.sentences import (
    caption,
    dataset_line,
    goal_meaning,
    intervals,
    reading,
    same_maths,
    shortened,
    slices,
)
from bench.report.verdict import verdict
from tests.support.records import (
    closed_form,
    data,
    eight,
    environment,
    epoch_budgets,
    metrics,
    record,
    table_of,
)


def curves_path(table: Table) -> str:
    plot = curves(table)
    assert plot is not None
    return plot.path


NOTE = "synthetic-100k stands in for ml-100k, which could not be had here"


def test_a_page_has_a_section_per_machine_newest_first_and_a_table_per_split() -> None:
    text = page(
        tables(
            [
                record(machine="old-box", minute=1),
                record(machine="new-box", minute=3),
                record(machine="new-box", split="u1", minute=2),
            ]
        )
    )
    assert text.startswith(MARK)
    assert re.findall("^##+ .*", text, re.MULTILINE) == [
        "## Machine new-box",
        "### random:80/10/10",
        "### u1",
        "## Machine old-box",
        "### random:80/10/10",
    ]


def dataset_record(dataset: str, fingerprint: str, **fields: Any) -> Record:
    return record(dataset=dataset, data=data(fingerprint=fingerprint), **fields)


@pytest.mark.parametrize(
    ("names", "titles"),
    [
        (["a/ratings.csv", "b/ratings.csv"], ["a/ratings.csv", "b/ratings.csv"]),
        (["/x/a/r.csv", "/x/b/r.csv", "/y/b/r.csv"], ["a/r.csv", "x/b/r.csv", "y/b/r.csv"]),
        (["r.csv", "b/r.csv"], ["r.csv (00000000)", "b/r.csv"]),
        (["./a/r.csv", "b/../b/r.csv"], ["a/r.csv", "b/r.csv"]),
        (["/r.csv", "/a/r.csv"], ["/r.csv", "a/r.csv"]),
        (["ml-1m", "mine/ml-1m"], ["ml-1m", "mine/ml-1m"]),
        (["a/r.csv", "a/r.csv"], ["r.csv (00000000)", "r.csv (11111111)"]),
        (["My Ratings.csv", "my-ratings.csv"], ["My Ratings.csv", "my-ratings.csv"]),
        (["index", "dataset-index"], ["index", "dataset-index"]),
        (["a/b.csv", "c/b.csv", "a-b.csv"], ["a/b.csv", "c/b.csv", "a-b.csv"]),
        ([f"{'x' * 90}1.csv", f"{'x' * 90}2.csv"], [f"{'x' * 90}1.csv", f"{'x' * 90}2.csv"]),
        (["one.csv", "two.csv"], ["one.csv", "two.csv"]),
    ],
)
def test_no_two_datasets_share_a_title_a_page_or_a_plot(
    names: list[str], titles: list[str]
) -> None:
    records = [dataset_record(name, str(n) * 16, minute=n) for n, name in enumerate(names)]
    found = sorted(tables(records), key=lambda table: table.newest.started_at)
    shown = [table.title for table in found]
    assert [each.partition(" (")[0] for each in shown] == [
        each.partition(" (")[0] for each in titles
    ]
    assert len({*shown}) == len({page_name(each) for each in shown}) == len(names)
    assert len({curves_path(table) for table in found}) == len(names)
    for table in found:
        assert page([table]).splitlines()[1:3] == ["", f"# {escaped(table.title)}"]


def test_a_title_depends_on_all_records_and_not_on_those_that_are_shown() -> None:
    one, other = (dataset_record(f"{name}/r.csv", name * 16) for name in "ab")
    [table] = tables([one])
    assert table.title == "r.csv"
    [table] = tables([one], [one, other])
    assert table.title == "a/r.csv"


def test_a_dataset_with_two_names_has_one_page_that_says_so() -> None:
    records = [record(dataset="/home/me/u.data", minute=1), record(dataset="ml-100k", minute=2)]
    text = page(tables(records))
    assert "# ml-100k\n" in text
    assert "u.data in the records: the same ratings, so the same tables." in text
    assert "in the records" not in page(
        tables([record(dataset="a/x.csv"), record("ncf", dataset="b/x.csv")])
    )


def copies(seeds: int, shared: int) -> list[Record]:
    """A row, and a copy of it that reuses the first `shared` of its seeds."""
    runs = [record("a/row.py:A", seed=seed, rmse=0.9 + seed / 100) for seed in range(seeds)]
    copy = {"implementation": "b/row.py:A"}
    reused = [
        each.model_copy(update={"cell": each.cell.model_copy(update=copy), "reused_from": "a"})
        for each in runs[:shared]
    ]
    own = [record("b/row.py:A", seed=seed, rmse=0.91) for seed in range(shared, seeds)]
    return [*runs, *reused, *own]


@pytest.mark.parametrize(
    ("shared", "seeds"), [(3, "seeds 0, 1, 2"), (2, "seeds 0, 1"), (1, "seed 0")]
)
def test_a_copy_has_a_full_row_that_names_what_it_shares(shared: int, seeds: str) -> None:
    table = table_of(*copies(3, shared))
    assert [len(row.runs["CPU"].scored) for row in table.rows] == [3, 3]
    text = page([table])
    assert f"- a/row.py:A and b/row.py:A: {seeds}\n" in text
    assert "One run under two names" in text
    assert "One run under two names" not in page([table_of(*copies(3, 0))])


def test_splits_of_one_name_that_are_cut_otherwise_have_tables_of_their_own() -> None:
    """As where the train and the test file changed places: the ratings of both are the same."""
    there, back, random = (
        record(split=split, data=data(split_digest=digest), minute=minute)
        for minute, (split, digest) in enumerate(
            [("given", "0123456789abcdef"), ("given", "fedcba"), ("random:80/20", "")]
        )
    )
    found = tables([there, back, random])
    text = page(found)
    assert re.findall("^### .*", text, re.MULTILINE) == [
        "### given, ml-100k, split 0123456789abcdef",
        "### given, ml-100k, split fedcba",
        "### random:80/20",
    ]
    assert len({curves_path(table) for table in found}) == 3
    older = record(split="leave-last"), record(split="leave-last", data=data(split_digest="ab"))
    assert "### leave-last, ml-100k, split of older records" in page(tables(older))
    assert "### given\n" in page(tables([there, random]))
    for each, test in ((there, "x/a.csv"), (back, "b.csv")):
        each.data.test = test
    text = page(tables([there, back]))
    assert "### given, ml-100k with test part from a.csv, split 0123456789abcdef" in text


def test_files_of_equal_ratings_share_what_their_times_do_not_decide_and_nothing_else() -> None:
    def of(file: str, split: str, digest: str = "", **of_data: Any) -> Record:
        return record(dataset=file, split=split, data=data(split_digest=digest, **of_data))

    columns = {"options": {"columns": "user=Kunde"}}
    records = [
        of("plain.csv", "time:80/10/10", "aa"),
        of("excel.csv", "time:80/10/10", "bb", **columns),
        of("again.csv", "time:80/10/10", "aa"),
        of("excel.csv", "random:80/10/10", **columns),
        record("ncf", dataset="plain.csv", split="random:80/10/10"),
    ]
    found = {(table.title, table.split): table for table in tables(records)}
    assert {key: table.also for key, table in found.items()} == {
        ("plain.csv", "time:80/10/10"): ("again.csv",),
        ("excel.csv", "time:80/10/10"): (),
        ("plain.csv", "random:80/10/10"): ("excel.csv",),
    }
    excel = page([found["excel.csv", "time:80/10/10"]])
    assert "# excel.csv\n" in excel
    assert "fingerprint f1f1f1f1f1f1, read with --columns user=Kunde.\n" in excel
    assert "plain.csv" not in excel
    shared = dataset_line(found["plain.csv", "random:80/10/10"])
    assert shared.startswith("plain.csv: ")
    assert shared.endswith(" fingerprint f1f1f1f1f1f1. excel.csv: read with --columns user=Kunde.")
    assert "excel" not in dataset_line(found["plain.csv", "time:80/10/10"])


def test_two_names_of_one_page_and_the_same_ratings_have_two_titles() -> None:
    names = zip(("A.csv", "a.csv"), ("aa", "bb"), strict=True)
    records = [record(dataset=name, data=data(split_digest=digest)) for name, digest in names]
    found = tables(records)
    assert len({page_name(table.title) for table in found}) == 2
    changed = [each.model_copy(deep=True) for each in records]
    for each in changed:
        each.cell.dataset = "r.csv"
    assert {table.title for table in tables(changed)} == {"r.csv"}


def test_what_there_is_one_of_is_in_the_singular() -> None:
    one = {"n_users": 1, "n_items": 1, "n_ratings": 1, "duplicates": 1}
    table = table_of(record(data=data(**one), metrics=metrics(0.9, [], n_cold_start=1)))
    line = dataset_line(table)
    assert "1 user, 1 item, 1 rating, " in line
    assert "1 duplicate pair (" in line
    assert "of them 1 cold-start pair (" in page([table])


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("ml-100k", "ml-100k.md"),
        ("/home/me/My ratings (new).CSV", "my-ratings-new-.csv.md"),
        ("index", "dataset-index.md"),
        ("cuda", "dataset-cuda.md"),
        ("README", "dataset-readme.md"),
        ("../..", "unnamed.md"),
    ],
)
def test_page_names_are_safe_and_never_those_of_other_pages(dataset: str, name: str) -> None:
    assert page_name(title(dataset)) == name


def test_no_page_shows_the_folder_of_a_file() -> None:
    assert "secret" not in page(tables([record(dataset="/home/secret/ratings.csv")]))


def test_the_dataset_line_has_counts_scale_density_and_fingerprint() -> None:
    known = data(scale=(-10.0, 10.0), duplicates=3, floor=0.88124, fingerprint="0123456789abcdef")
    assert dataset_line(table_of(record(data=known))) == (
        "ml-100k: 943 users, 1,682 items, 100,000 ratings, scale −10 to 10, density 6.30 %, "
        "fingerprint 0123456789ab, 3 duplicate pairs (the last one counts), "
        "floor RMSE 0.8812 (no model can do better)."
    )


def test_the_dataset_line_has_the_options_and_the_rule_it_was_read_with() -> None:
    options = {"columns": "user=a,item=the song", "no-header": "yes", "missing": "99,-99"}
    known = data(duplicates=3, duplicate_rule="the latest time counts", options=options)
    assert dataset_line(table_of(record(data=known))).endswith(
        "3 duplicate pairs (the latest time counts), "
        "read with --columns 'user=a,item=the song' --no-header --missing 99,-99."
    )


def test_the_dataset_line_names_the_test_file_without_its_folder() -> None:
    known = data(test="/home/secret/my test.csv")
    line = dataset_line(table_of(record(data=known)))
    assert line.endswith("fingerprint f1f1f1f1f1f1, test part from my test.csv.")


SLICES = (
    Slice(by="training", name="few", low=1, high=10, n=1200, rmse=1.1, mae=0.9),
    Slice(by="training", name="cold start", low=None, high=None, n=7, rmse=1.3, mae=1),
    Slice(by="time", name="oldest", low=86_400 * 3, high=86_400 * 9, n=5, rmse=1, mae=0.9),
    Slice(by="time", name="newest", low=86_400 * 9, high=86_400 * 9 + 5, n=6, rmse=1, mae=0.9),
)


def sliced(*slices: Slice, seed: int = 0, **fields: object) -> Record:
    return record("bias", seed=seed, metrics=metrics(0.9, [], slices=slices), **fields)  # type: ignore[arg-type]


def test_accuracy_by_slice_follows_the_accuracy_and_says_how_many_ratings_each_has() -> None:
    other = SLICES[0].model_copy(update={"n": 1100})
    table = table_of(sliced(*SLICES), sliced(other, *SLICES[1:], seed=1))
    assert slices(table) == (
        "Few, some, many: by the training ratings of the user. Cold start: user or item unseen in "
        "training. Thirds: the test ratings by time. Test ratings: few (1–10) 1,100–1,200; "
        "cold start 7; oldest third 5 (1970-01-04 to 1970-01-10); newest third 6 (1970-01-10)."
    )
    text = page([table])
    order = ["**Accuracy**", "**Accuracy by slice**", slices(table), "**Cost**"]
    assert [text.count(each) for each in order] == [1] * 4
    assert sorted(order, key=text.index) == order


def test_a_page_without_slices_has_no_table_of_them_nor_a_word_on_time_without_times() -> None:
    assert "by slice" not in page(tables(eight()))
    assert "Thirds" not in slices(table_of(sliced(*SLICES[:2])))


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ("time:80/20", "Every seed has the same test part, so ±"),
        ("given", "Every seed has the same test part, so ±"),
        ("given:90/10", "Every seed has the same test part, so ±"),
        ("leave-last", "Every seed has the same test part (equal times aside), so ±"),
        ("random:80/20", ""),
    ],
)
def test_an_interval_over_seeds_that_share_a_test_part_says_so(split: str, sentence: str) -> None:
    one, two = record(split=split), record(split=split, seed=1)
    assert ("Every seed" in reading(table_of(one, two))) == bool(sentence)
    assert sentence in reading(table_of(one, two))
    assert "Every seed" not in reading(table_of(one))


def test_what_stands_in_is_named_in_bold_at_every_table() -> None:
    text = page(tables([record(data=data(note=NOTE))]))
    assert len(re.findall("^[|]:-", text, re.MULTILINE)) == text.count(f"**{NOTE}**") == 3


def test_rows_that_a_suite_cut_short_are_named_under_the_verdict_and_no_others() -> None:
    cut, whole = record("ncf", hyperparameters={"epochs": 3}), record("als")
    cut.cell.suite = whole.cell.suite = "of another day"
    cut.cell.shortened_to = 3
    sentence = shortened(table_of(cut, whole))
    assert sentence.startswith("**The suite of another day ends a fit after 3 epochs**")
    assert sentence.endswith("rows here: ncf.")
    assert sentence in page(tables([cut, whole]))
    assert shortened(table_of(whole)) == ""


def test_the_caption_names_machine_versions_dates_and_load() -> None:
    records = [
        record(environment=environment(load=0.2)),
        record(environment=environment(load=1.3, versions={"numpy": "2.5"}), minute=24 * 60),
    ]
    assert caption(records) == (
        "AMD EPYC 7B13, 2 cores, 7.8 GB memory, no GPU, Linux 6.1, Python 3.11.9, "
        "numpy 2.4.6 / 2.5, torch 2.13.0. Run 2026-11-20 to 2026-11-21; "
        "load average before a cell 0.2–1.3."
    )


def test_the_caption_names_the_sandbox_where_a_row_ran_in_one() -> None:
    contained, not_contained = record(sandbox="bubblewrap"), record()
    assert "sandbox" not in caption([not_contained])
    assert "sandbox: bubblewrap. Run" in caption([contained])
    assert "sandbox: bubblewrap / none. Run" in caption([contained, not_contained])
    skipped = record("triton_sgd", status="skipped")
    assert "sandbox: bubblewrap. Run" in caption([contained, skipped])


def test_the_caption_names_the_version_of_each_library_that_is_a_row() -> None:
    built_in, library = record(), record("peer:cornac_mf")
    library.environment.versions["cornac"] = "3.0.1"
    assert "cornac" not in caption([built_in])
    assert "torch 2.13.0, cornac 3.0.1. Run" in caption([built_in, library])


def test_same_maths_and_different_models_are_distinguished() -> None:
    text = same_maths(table_of(*eight()))
    assert text.startswith("Same maths, so compare their speed; every other row is a different")
    assert text.splitlines()[1:] == [
        "",
        "- biased MF: numpy_sgd, autograd_mf, embedding_mf, sparse_embedding_mf",
    ]
    assert same_maths(table_of(*eight()[:3])) == "Every row is a different model."
    assert same_maths(table_of(record())) == ""


def test_a_page_opens_with_verdict_and_time_to_goal_then_accuracy_then_cost() -> None:
    text = page(tables(eight(seeds=2)))
    openings = ["**Where time", "**Time to goal**", "**Accuracy**", "**Cost**"]
    assert re.findall(r"^\*\*[A-Z]\w+(?: to goal\*\*|\*\*| time)", text, re.MULTILINE) == openings
    assert text.index(curves_path(table_of(*eight()))) < text.index("**Accuracy**")
    assert text.index("**Accuracy**") < text.index("-pareto.png") < text.index("**Cost**")


def test_the_fullest_split_leads_a_machines_section() -> None:
    text = page(tables([record(split="5-fold", minute=9), record(), record("ncf")]))
    assert text.index("### random:80/10/10") < text.index("### 5-fold")


def test_each_table_explains_its_own_marks() -> None:
    text = page(tables([record(), record("ncf", status="failed", reason="boom")]))
    assert text.count("- [1] failed: boom") == 3


def test_what_the_joules_are_of_is_explained_where_a_row_ran_on_a_device() -> None:
    assert "joules of the CUDA device alone" in page(tables([record(), record(device="cuda")]))
    assert "joules" not in page(tables([record()]))


def test_the_words_beside_goals_are_explained() -> None:
    assert goal_meaning(table_of(record())).endswith("what gets about that far.")
    assert "to the floor" in goal_meaning(table_of(record(data=data(floor=0.85))))


def test_that_a_row_cannot_be_interrupted_stands_at_its_table_and_its_plot() -> None:
    text = page(tables([*eight(), epoch_budgets("peer:cornac_mf")]))
    assert "| peer:cornac_mf [1]" in text
    assert "- [1] cannot be interrupted: every point is a full fit of that many iter" in text
    assert "Markers without a line are of a row that cannot be interrupted" in text
    assert "cannot be interrupted" not in page(tables(eight()))


@pytest.mark.parametrize(
    ("seeds", "note"),
    [
        (1, "`--seeds 6`"),
        (3, "range of the seeds .*`--seeds 6` gives one"),
        (6, "its 95 % interval."),
    ],
)
def test_a_note_explains_the_brackets(seeds: int, note: str) -> None:
    assert re.search(note, intervals(table_of(*(record(seed=n) for n in range(seeds)))))


@pytest.mark.parametrize(("seeds", "note"), [(1, "One fold.*`--seeds 5`"), (5, "mean over folds")])
def test_the_repeats_of_a_cross_validation_are_folds(seeds: int, note: str) -> None:
    folds = (record(split="5-fold", seed=seed) for seed in range(seeds))
    assert re.search(note, intervals(table_of(*folds)))


def test_rows_of_unlike_repeats_have_a_note_on_the_range_stands() -> None:
    many, few = [record(seed=n) for n in range(6)], [record("ncf", seed=n) for n in range(3)]
    assert "fewer than six" in intervals(table_of(*many, *few))


def test_cold_start_pairs_are_counted() -> None:
    assert "Test ratings: 10,000, of them 31 cold-start pairs" in page(tables([record()]))


def test_one_run_of_each_row_recommends_nothing() -> None:
    assert verdict(table_of(*eight())) == (
        "**One run of each row has no interval**, so nothing is recommended (`--seeds 6` gives "
        "every figure one). First at a validation RMSE of 0.946 bias (0.0120 s), 0.937 "
        "embedding_mf (1.37 s) and 0.915 autorec (3.56 s). Lowest test RMSE: autorec (9.70 s), "
        "0.9088."
    )


def test_the_verdict_names_the_first_at_each_goal_and_the_most_accurate() -> None:
    assert verdict(table_of(*eight(seeds=3))) == (
        "**Where time counts**, use, by the validation RMSE you need:\n\n"
        "- for 0.946 bias (0.0124 s): 102 (95 % interval 102–103, 3 paired seeds) times sooner "
        "than embedding_mf.\n"
        "- for 0.937 embedding_mf (1.41 s): 1.38 (95 % interval 1.38–1.38, 3 paired seeds) times "
        "sooner than sparse_embedding_mf.\n"
        "- for 0.915 autorec (3.66 s).\n\n"
        "**Where accuracy counts**, use autorec (9.99 s): test RMSE 0.9099 ± 0.0027."
    )


def repeated(*seconds: float, name: str = "numpy_sgd", rmse: float = 0.89) -> list[Record]:
    """A row with a run of each of these fit times."""
    return [record(name, seed=n, fit_s=s, rmse=rmse) for n, s in enumerate(seconds)]


def test_a_ratio_of_a_row_that_missed_a_goal_is_the_median_that_the_ranks_go_by() -> None:
    """One library's run of hours decides nothing there, nor does it in the ratio."""
    own = repeated(*(3.0 + n / 100 for n in range(10)))
    own[9] = record(seed=9, fit_s=3.0, rmse=0.97)
    theirs = repeated(*(4.0 + n / 100 for n in range(9)), 4.0, name="peer:cornac_mf")
    theirs[8] = record("peer:cornac_mf", seed=8, fit_s=1e6, rmse=0.89)
    text = verdict(table_of(*own, *theirs))
    assert (
        "- for 0.946 numpy_sgd (0.812 s in 9 of 10 seeds): 1.33 (95 % interval 1.33–1.33, 10 "
        "paired seeds, median, a miss as ∞) times sooner than peer:cornac_mf."
    ) in text


def test_the_ratio_of_one_run_is_not_stated() -> None:
    library = record("peer:own", fit_s=9.0, rmse=0.89)
    for rmse in (0.89, 0.97):
        own = [record(seed=n, fit_s=0.3, rmse=rmse if n == 2 else 0.89) for n in range(9)]
        text = verdict(table_of(*own, library))
        assert re.search(r"for 0\.946 numpy_sgd \([\d.]+ s( in 8 of 9 seeds)?\)", text)
        assert "sooner" not in text


def test_each_goal_has_its_winner_with_the_ratio_to_the_first_library() -> None:
    def library(name: str, each_s: float) -> list[Record]:
        return [epoch_budgets(name, each_s=each_s * k, seed=n) for n, k in enumerate((1, 1.02))]

    libraries = [*library("peer:cornac_mf", 0.2), *library("peer:surprise_svd", 9.0)]
    text = verdict(table_of(*repeated(0.3, 0.303), *libraries))
    assert (
        "- for 0.946 numpy_sgd (0.0804 s): 5.02 (95 % interval 4.72–5.35, 2 paired seeds) times "
        "sooner than peer:cornac_mf.\n- for 0.937 numpy_sgd (0.0905 s): 4.47 "
    ) in text
    assert "0.900 numpy_sgd (0.161 s): no library reached it in more than half of its runs." in text
    text = verdict(table_of(*repeated(3.0, 3.03), *libraries))
    assert "- for 0.946 peer:cornac_mf (0.404 s).\n" in text
    assert "- for 0.900 numpy_sgd (1.61 s): no library" in text


def library_with_misses(n_seeds: int, *missed: int) -> list[Record]:
    return [
        record("peer:own", seed=n, fit_s=9.0 + n / 10, rmse=0.93 if n in missed else 0.89)
        for n in range(n_seeds)
    ]


def test_a_library_has_no_ratio_where_its_misses_leave_the_interval_without_an_end() -> None:
    own = repeated(0.3, 0.31, 0.3, 0.31, 0.3, 0.31, 0.3)
    text = verdict(table_of(*own, *library_with_misses(7, 2)))
    assert (
        "- for 0.900 numpy_sgd (0.160 s): sooner than peer:own (reached in 6 of 7 seeds)." in text
    )


def test_a_library_that_missed_a_goal_in_some_runs_has_the_ratio_of_a_comparison() -> None:
    own = repeated(*(0.3 + n / 100 for n in range(12)))
    rows = [*own, *library_with_misses(12, 2, 5)]
    found = re.search(
        r"0\.900 numpy_sgd \([\d.]+ s\): (.* a miss as ∞\) times sooner) than peer:own "
        r"\(reached in 10 of 12 seeds\)",
        verdict(table_of(*rows)),
    )
    assert found
    assert f"; numpy_sgd was {found[1]}." in compare(rows, "numpy_sgd", "peer:own")


def test_the_second_row_has_its_ratio_beside_a_library_where_the_place_is_its_own() -> None:
    own, library = repeated(0.3, 0.303, 0.3), repeated(9.0, 9.1, 9.2, name="peer:own")
    second = repeated(0.9, 0.91, 0.92, name="ncf")
    text = verdict(table_of(*own, *library, *second))
    ratio = re.search(r"for 0\.900 .* than peer:own; (.* times sooner) than ncf\.", text)
    assert ratio
    stated = compare([*own, *second], "numpy_sgd", "ncf")
    assert f"numpy_sgd reached 0.900 on validation {ratio[1]}." in stated
    level = repeated(0.91, 0.9, 0.92, name="als")
    for others in ([*library, *second, *level], second, library):
        speed, _ = verdict(table_of(*own, *others)).split("**Where accuracy")
        assert ";" not in speed


def test_the_second_row_has_the_ratio_of_the_median_where_the_first_missed_the_goal() -> None:
    own = [record(seed=n, fit_s=0.3, rmse=0.93 if n == 2 else 0.89) for n in range(20)]
    rows = [
        repeated(*(s + n / 10 for n in range(20)), name=name)
        for name, s in {"ncf": 9, "peer:own": 30}.items()
    ]
    text = verdict(table_of(*own, *(each for row in rows for each in row)))
    assert re.search(
        r"for 0\.900 .*; [\d.]+ \(95 % interval [\d.–]+, 20 paired seeds, median, a miss as ∞\) "
        r"times sooner than ncf\.",
        text,
    )


def reaching(name: str, *seconds: float, first: int = 0) -> list[Record]:
    """A row whose runs came to 0.900 after so many seconds; ∞ for one that did not."""
    return [
        record(
            name,
            seed=first + n,
            goals=(0.9,),
            curve=[Point(epoch=1, seconds=min(s, 99), rmse=0.89 if s < 99 else 0.91, mae=1)],
        )
        for n, s in enumerate(seconds)
    ]


def test_a_row_with_too_few_common_seeds_for_a_ratio_is_named_as_what_it_is_behind() -> None:
    own = reaching("numpy_sgd", *(1 + n / 99 for n in range(29)), math.inf)
    library, third = reaching("peer:own", 9.0, 9.1, 9.2), reaching("ncf", 5.0, 5.1, 5.2)
    alone = reaching("peer:one", 0.5)
    text = verdict(table_of(*own, *library, *third, *alone))
    seconds = r"numpy_sgd \([\d.]+ s in 29 of 30 seeds\)"
    assert re.search(rf"{seconds}: sooner than peer:own; sooner than ncf\.", text)
    assert "numpy_sgd was sooner beyond noise." in compare([*own, *third], "ncf", "numpy_sgd")


def test_a_library_that_reached_a_goal_in_half_of_its_runs_is_not_said_to_have_done_less() -> None:
    rows = [*reaching("numpy_sgd", *[1.0] * 9), *reaching("peer:own", *[2.0, math.inf] * 4)]
    assert "no library reached it in more than half of its runs" in verdict(table_of(*rows))


def test_a_library_with_one_curve_is_not_said_to_be_behind_or_to_have_missed() -> None:
    own, other = reaching("numpy_sgd", *[1.0] * 8), reaching("ncf", *[2.0] * 8)
    one = reaching("peer:a", 0.1)
    bare = [
        each.model_copy(update={"curve": [], "goals": []})
        for each in reaching("peer:a", 0.1, 0.1, first=1)
    ]
    for library in (one, [*one, *bare]):
        text = verdict(table_of(*own, *other, *library))
        assert "peer:a;" not in text
        assert "no library" not in text


def test_of_rows_that_may_be_as_soon_those_that_reached_the_goal_most_often_are_named() -> None:
    rows = [*reaching("numpy_sgd", 1.0, 1.1, 1.2), *reaching("z", 3.0, math.inf, math.inf)]
    near = [
        record(name, seed=n, goals=(0.9,), curve=closed_form(0.9 + e, 1.0))
        for name in "abc"
        for n, e in enumerate((0.0001, 0.01, 0.01))
    ]
    assert "noise from z (reached in 1 of 3 seeds), a (" in verdict(table_of(*rows, *near))


def test_runs_of_a_cross_validation_are_folds() -> None:
    rows = [*reaching("numpy_sgd", *[1.0, 1.1] * 2, 1.0), *reaching("ncf", *[2.0] * 4, math.inf)]
    rows = [
        each.model_copy(update={"cell": each.cell.model_copy(update={"split": "5-fold"})})
        for each in rows
    ]
    assert "in 4 of 5 folds" in compare(rows, "numpy_sgd", "ncf")
    assert "5 paired folds" in compare(rows, "numpy_sgd", "ncf")


def test_a_winner_that_missed_the_goal_in_some_runs_says_so() -> None:
    own = [record(seed=n, fit_s=0.3, rmse=0.93 if n == 2 else 0.89) for n in range(20)]
    text = verdict(table_of(*own, *repeated(*(9.0 + n / 10 for n in range(20)), name="ncf")))
    assert re.search(r"0\.946 numpy_sgd \([\d.]+ s\)", text), "all reached it"
    assert re.search(r"0\.900 numpy_sgd \([\d.]+ s in 19 of 20 seeds\)", text)


def test_rows_that_noise_may_have_put_in_order_are_named_together() -> None:
    text = verdict(table_of(*repeated(3.0, 4.0, 3.5), *repeated(3.6, 3.5, 3.4, name="ncf")))
    assert (
        "- for 0.946 numpy_sgd or ncf (0.933 s and 0.933 s): no difference beyond noise."
    ) in text
    four = [each for n, name in enumerate("abcde") for each in repeated(3.0, 4 + n / 9, name=name)]
    assert "- for 0.946 a, b, c or 2 other rows (" in verdict(table_of(*four))


def test_rows_that_only_their_misses_keep_from_being_separable_say_how_those_count() -> None:
    rows = [*reaching("ncf", 0.1, 0.1, math.inf), *reaching("als", 9.0, 9.1, 9.2)]
    text = verdict(table_of(*rows))
    assert "in 2 of 3 seeds and " in text
    assert ": no difference beyond noise, a miss counted as ∞." in text


def test_the_goal_of_a_dataset_without_one_is_what_the_baseline_reached_in_each_run() -> None:
    """Of one run alone, which one is the newest would decide, and a row that fails could."""
    own = {"dataset": "mine.csv", "data": data(fingerprint="mine")}
    runs = [
        record("bias", seed=n, curve=closed_form(rmse, 0.1), goals=(rmse,), **own)
        for n, rmse in enumerate((0.931, 0.92345, 0.925))
    ]
    failed = record("a.py:A", status="failed", goals=(), minute=9, **own)
    for table in (table_of(*runs), table_of(*runs, failed), table_of(*runs[::-1], failed)):
        assert goals_of(table) == [0.931]
    slow = [record("ncf", seed=n, rmse=0.9, goals=(0.5,), **own) for n in range(3)]
    assert goals_of(table_of(*slow)) == [0.5]


def test_a_dataset_without_goals_has_steps_from_the_baseline_to_the_best_row() -> None:
    own = {"dataset": "mine.csv", "data": data(fingerprint="mine")}
    bias = [
        record("bias", seed=n, curve=closed_form(0.95, 0.1), goals=(0.95,), **own) for n in (0, 1)
    ]
    rows = [
        record(name, seed=n, curve=closed_form(rmse + n / 100, 1.0), goals=(0.95,), **own)
        for name, rmse in {"numpy_sgd": 0.91, "als": 0.84}.items()
        for n in (0, 1)
    ]
    table = table_of(*bias, *rows)
    assert goals_of(table) == [0.95, 0.9, 0.86, 0.85]
    assert [goal_name(table, goal) for goal in goals_of(table)] == [
        *("bias", "1/2 to the best", "9/10 to the best", "the best")
    ]
    assert "from what `bias` reaches" in goal_meaning(table)
    assert "for 0.900 als" in verdict(table)
    assert goals_of(table_of(*rows)) == [0.95]  # no baseline to start from
    assert goal_name(table_of(*rows), 0.95) == "bias"
    assert "about that far" in goal_meaning(table_of(*bias))


def test_a_row_of_one_run_is_not_compared() -> None:
    text = verdict(table_of(*repeated(3.0, 3.1, 3.2), record("ncf", fit_s=0.1, rmse=0.97)))
    assert "for 0.946 numpy_sgd" in text
    assert text.endswith("Not compared, for one run has no interval: ncf.")
    lower = verdict(table_of(*repeated(3.0, 3.1, 3.2), record("ncf", fit_s=0.1, rmse=0.88)))
    assert lower.endswith("in that run than of any compared row: ncf (0.8800).")


def test_the_verdict_names_rows_that_noise_does_not_tell_apart() -> None:
    best = [0.910, 0.912, 0.911]
    alike, worse = [0.911, 0.911, 0.912], [0.930, 0.932, 0.931]
    records = [
        record(name, seed=seed, rmse=rmse)
        for name, sample in (("ncf", best), ("autorec", alike), ("bias", worse))
        for seed, rmse in enumerate(sample)
    ]
    text = verdict(table_of(*records))
    assert "use ncf (12.3 s): test RMSE 0.9110 ± 0.0025; " in text
    assert "no difference beyond noise from autorec (12.3 s)." in text


def test_the_verdict_of_failures_is_that_there_are_no_figures() -> None:
    table = table_of(record(status="failed"))
    assert verdict(table) == "No run has figures yet."
    assert curves(table) is pareto(table) is None
    assert "plots/" not in page([table])
    missed = table_of(record("global_mean", curve=closed_form(1.12, 0.1), rmse=1.12))
    assert verdict(missed) == "Only global_mean has figures: there is nothing to compare it with."
