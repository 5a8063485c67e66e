"""The sentences of `bench compare`."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from bench.commands.summary import Shown, rows_of
from bench.records import Point, Record
from bench.report.comparison import compare
from bench.report.formats import with_interval
from bench.stats import Interval
from datasets.printable import one_line
from tests.support.records import (
    data,
    eight,
    epoch_budgets,
    record,
    table_of,
    times,
    training_curve,
)


def runs(name: str, fit_s: list[float], rmse: list[float], **common: object) -> list[Record]:
    common = {"goals": (0.950,), **common}
    return [
        record(name, seed=seed, fit_s=seconds, rmse=error, **common)
        for seed, (seconds, error) in enumerate(zip(fit_s, rmse, strict=True))
    ]


SLOW = runs("numpy_sgd", [20.0, 21.0, 22.0], [0.920, 0.921, 0.919])
FAST = runs("embedding_mf", [5.0, 5.1, 5.4], [0.916, 0.9165, 0.9152])


def test_it_says_by_how_much_and_how_sure_that_is() -> None:
    assert compare([*SLOW, *FAST], "embedding_mf", "numpy_sgd") == (
        "embedding_mf ran 4.06 (95 % interval 3.92–4.21) times faster than numpy_sgd on ml-100k "
        "(random:80/10/10, 3 paired seeds, machine box-1). "
        "embedding_mf is more accurate by 0.0041 ± 0.0009 RMSE. "
        "embedding_mf reached 0.950 on validation 4.47 (95 % interval 4.31–4.64, 3 paired seeds) "
        "times sooner. embedding_mf reached numpy_sgd's best on validation in each seed (median "
        "0.9261) 5.45 (95 % interval 4.82–6.16, 3 paired seeds) times sooner."
    )


def test_it_claims_nothing_that_only_an_interval_of_95_percent_shows() -> None:
    """The intervals at 96.5 % include a tie."""
    close = [1.2 + (-1) ** n for n in range(6)]
    slow = runs(
        "numpy_sgd", [5 * math.exp(it / 9) for it in close], [0.92 + it / 99 for it in close]
    )
    fast = runs("embedding_mf", [5.0] * 6, [0.92] * 6)
    text = compare([*slow, *fast], "embedding_mf", "numpy_sgd")
    assert "No difference in fit time beyond noise" in text
    decides = "; the 96.5 % interval, which decides, includes"
    assert f"a ratio of 1.14 (95 % interval 1.01–1.30){decides} 1." in text
    assert f"RMSE beyond noise (embedding_mf: −0.0121 ± 0.0116{decides} 0)." in text
    assert "No difference beyond noise in the time to 0.950 on validation" in text


def test_each_side_has_its_own_time_to_a_goal_where_there_is_no_interval() -> None:
    """By the common seed als is the faster one there, by its median numpy_sgd."""
    one = record("als", seed=0, fit_s=2.0, curve=[Point(epoch=1, seconds=2.0, rmse=0.8, mae=0.8)])
    other = [
        record("numpy_sgd", seed=n, curve=[Point(epoch=1, seconds=s, rmse=0.8, mae=0.8)])
        for n, s in enumerate((3.0, 1.0, 1.0))
    ]
    text = compare([one, *other], "als", "numpy_sgd")
    assert re.search("0.9[0-9]+ on validation was reached by .*als in 2.00 s", text)
    assert "numpy_sgd in 1.00 s" in text


def test_a_ratio_that_excludes_1_does_not_look_like_it() -> None:
    assert with_interval(Interval(1.2, 1.0012, 1.47, 9, 0.95)) == "1.20 (95 % interval 1.0012–1.47)"


def test_the_best_of_the_less_accurate_row_is_a_goal_of_each_seed() -> None:
    """In seed 1 the other row ends above it."""
    fast = runs("embedding_mf", [5.0, 5.0, 5.0], [0.91, 0.95, 0.91])
    text = compare([*SLOW, *fast], "embedding_mf", "numpy_sgd")
    assert text.endswith(
        "numpy_sgd's best on validation in each seed (median 0.9261) was reached by embedding_mf "
        "in 2 of 3 seeds and by numpy_sgd in 3 of 3 seeds; no difference beyond noise."
    )
    bare = [record("als", seed=n, curve=[], goals=()) for n in range(3)]
    assert "best on validation" not in compare([*SLOW, *bare], "als", "numpy_sgd")
    itself = compare(runs("als", [5.0, 5.1] * 2, [0.9] * 4), "als", "als")
    assert "best on validation" not in itself


def test_the_order_of_the_sides_does_not_change_the_finding() -> None:
    records = [*SLOW, *FAST]
    assert compare(records, "numpy_sgd", "embedding_mf") == compare(
        records, "embedding_mf", "numpy_sgd"
    )


def test_the_faster_may_be_the_less_accurate() -> None:
    worse = runs("embedding_mf", [5.0, 5.1, 5.4], [0.930, 0.931, 0.929])
    text = compare([*SLOW, *worse], "numpy_sgd", "embedding_mf")
    assert "embedding_mf is less accurate by 0.0100 ± 0.0000 RMSE." in text


def test_a_difference_that_rounds_to_nothing_is_called_none() -> None:
    other = runs("embedding_mf", [5.0, 5.1, 5.4], [0.92001, 0.92101, 0.91901])
    text = compare([*SLOW, *other], "numpy_sgd", "embedding_mf")
    assert "No difference in RMSE to four decimals." in text
    assert "0.0000" not in text


def test_a_file_of_the_same_ratings_and_other_times_is_another_dataset() -> None:
    records = [
        record(name, split=split, dataset=file, rmse=rmse, data=data(split_digest=digest))
        for split, digests in (("time:80/10/10", ("aa", "bb")), ("random:80/10/10", ("", "")))
        for file, digest, rmse in zip(("x/one.csv", "two.csv"), digests, (0.91, 0.93), strict=True)
        for name in ("ncf", "numpy_sgd")
    ]
    in_time, at_random = compare(records, "ncf", "numpy_sgd", "two.csv").split("\n\n")
    assert "on two.csv (time:80/10/10" in in_time
    assert "on one.csv (random:80/10/10" in at_random
    assert "two.csv" not in compare(records, "ncf", "numpy_sgd", "one.csv")
    spelled = compare(records, "ncf", "numpy_sgd", "./x/../x/one.csv")
    assert spelled == compare(records, "ncf", "numpy_sgd", "one.csv")


def test_noise_is_called_noise() -> None:
    alike = runs("embedding_mf", [20.5, 20.0, 22.5], [0.9205, 0.9203, 0.9190])
    text = compare([*SLOW, *alike], "embedding_mf", "numpy_sgd")
    assert "No difference in fit time beyond noise between" in text
    assert "No difference in RMSE beyond noise (embedding_mf: −0.0001 ± " in text


def test_one_seed_gives_no_interval_and_says_what_would() -> None:
    for records in ([SLOW[0], FAST[0]], [SLOW[0], record("embedding_mf", seed=7, fit_s=5.0)]):
        text = compare(records, "embedding_mf", "numpy_sgd")
        assert text.startswith("One run has no interval, so neither is called better on ml-100k (")
        assert "(`--seeds 6` for both gives one): embedding_mf fit in 5.00 s, with a test" in text
        assert "; numpy_sgd fit in 20.0 s, with a test RMSE of 0.9200." in text
        assert "was reached by embedding_mf in " in text
        assert not re.search("±|times|faster|accurate|sooner", text)
    folds = [record(name, split="5-fold") for name in ("numpy_sgd", "embedding_mf")]
    assert "`--seeds 5`" in compare(folds, "embedding_mf", "numpy_sgd")


def test_seeds_that_do_not_pair_are_called_unpaired() -> None:
    other = [record("embedding_mf", seed=seed, fit_s=5.0 + seed / 100) for seed in (7, 8)]
    assert "2 and 3 seeds, unpaired" in compare([*SLOW, *other], "embedding_mf", "numpy_sgd")


def test_each_table_has_its_paragraph_unless_one_is_requested() -> None:
    records = [
        each
        for machine, dataset in (("box-1", "ml-100k"), ("box-2", "ml-100k"), ("box-2", "x/y.csv"))
        for each in (
            record(machine=machine, dataset=dataset, data=data(fingerprint=dataset)),
            record("ncf", machine=machine, dataset=dataset, data=data(fingerprint=dataset)),
        )
    ]
    assert compare(records, "ncf", "numpy_sgd").count("\n\n") == 2
    assert "\n\n" not in compare(records, "ncf", "numpy_sgd", "y.csv")
    assert "\n\n" not in compare(records, "ncf", "numpy_sgd", "x/y.csv")
    assert "box-1" in compare(records, "ncf", "numpy_sgd", machine="box-1")


def test_presets_devices_and_labels_select_rows() -> None:
    records = [
        *SLOW,
        record(preset="published"),
        record("ncf", device="cuda:1"),
        record("bias", hyperparameters={"damping": 5}, minute=1),
        record("bias", hyperparameters={"damping": 9}, minute=1),
    ]
    assert "numpy_sgd:published" in compare(records, "numpy_sgd:published", "numpy_sgd@cpu")
    assert "ncf@cuda" in compare(records, "ncf@cuda", "numpy_sgd")
    assert "ncf@cuda" in compare(records, "ncf", "numpy_sgd")
    assert "bias damping=5" in compare(records, "bias damping=5", "bias damping=9")
    with pytest.raises(ValueError, match=r"several rows of ml-100k.*'bias damping=5', 'bias damp"):
        compare(records, "bias", "numpy_sgd")


def test_of_several_rows_of_a_name_that_with_the_most_whole_fits_counts() -> None:
    records = [
        *SLOW,
        record("bias", hyperparameters={"damping": 5}, seed=0),
        record("bias", hyperparameters={"damping": 5}, seed=1),
        record("bias", hyperparameters={"damping": 9}, seed=0),
    ]
    assert "bias damping=5" in compare(records, "bias", "numpy_sgd")
    for each in records[-3:-1]:
        each.cell.shortened_to = 3
    assert "bias damping=9" in compare(records, "bias", "numpy_sgd")


def test_this_machine_comes_first_and_an_undecided_table_hides_no_other() -> None:
    there = [record(name, machine="there") for name in ("bias", "numpy_sgd")]
    here = [record(name, machine="here") for name in ("bias", "numpy_sgd")]
    both = compare([*there, *here], "bias", "numpy_sgd")
    assert "machine there" in both
    assert "machine here" in both
    assert "machine there" not in compare([*there, *here], "bias", "numpy_sgd", here="here")
    assert "machine there" in compare(there, "bias", "numpy_sgd", here="here")
    undecided = [record("bias", machine="here", hyperparameters={"damping": 5}, minute=1)]
    assert "machine there" in compare([*there, *here, *undecided], "bias", "numpy_sgd")


def test_no_match_lists_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"both 'nmf' and 'numpy_sgd'.*embedding_mf"):
        compare([*SLOW, *FAST], "nmf", "numpy_sgd")
    with pytest.raises(ValueError, match=r"^'nix\.csv' is not in the records; there are ml-100k$"):
        compare([*SLOW, *FAST], "numpy_sgd", "embedding_mf", "nix.csv")
    with pytest.raises(ValueError, match=r"^no records are of machine 'x'; there are box-1$"):
        compare([*SLOW, *FAST], "numpy_sgd", "embedding_mf", machine="x")
    with pytest.raises(ValueError, match="nothing is recorded yet"):
        compare([], "a", "b")


def test_a_side_without_figures_says_why() -> None:
    text = compare([*SLOW, record("ncf", status="failed", reason="boom")], "ncf", "numpy_sgd")
    assert text == "ncf has no figures on ml-100k (random:80/10/10, machine box-1) (failed: boom)."


def test_time_limits_and_stand_ins_are_reported() -> None:
    late = record("ncf", status="timeout", reason="60 s", data=data(note="Stands in."))
    text = compare([*SLOW, late], "ncf", "numpy_sgd")
    assert "ncf was stopped by its time limit in 1 of 1 run." in text
    assert text.endswith("Stands in.")


def test_a_library_and_a_built_in_implementation_are_compared_at_each_goal() -> None:
    built_in = [
        record("numba_sgd", seed=seed, fit_s=0.3 + seed / 50, rmse=0.90) for seed in range(3)
    ]
    theirs = [epoch_budgets("peer:libmf", seed=seed, best=0.916 + seed / 2000) for seed in range(3)]
    text = compare([*built_in, *theirs], "peer:libmf", "numba_sgd")
    assert "numba_sgd reached 0.946 on validation 4.17 (95 % interval 3.57–4.87, 3 paired" in text
    assert "numba_sgd reached 0.915 on validation 10.7 (95 % interval 9.18–12.5, 3 paired" in text
    assert "Neither reached 0.900 on validation." in text
    assert text.index("0.946 on") < text.index("0.937 on") < text.index("0.915 on")


def test_the_slower_of_two_fits_may_be_the_sooner_at_a_goal() -> None:
    quick = [record("ncf", seed=seed, fit_s=5.0, rmse=0.930 + seed / 999) for seed in range(3)]
    steep = [
        record("bias", seed=seed, fit_s=9.0, curve=training_curve(0.92, 9.0, pace=1.5))
        for seed in range(3)
    ]
    text = compare([*quick, *steep], "ncf", "bias")
    assert text.startswith("ncf ran 1.80")
    assert "bias reached 0.946 on validation " in text


def test_goals_that_some_runs_missed_are_counted_and_not_averaged() -> None:
    a = runs("ncf", [5.0, 5.1, 5.4], [0.900, 0.899, 0.935], goals=(0.91, 0.89))
    b = runs("bias", [6.0, 6.1, 6.4], [0.930, 0.931, 0.935], goals=(0.91, 0.89))
    text = compare([*a, *b], "ncf", "bias")
    assert (
        "0.910 on validation was reached by ncf in 2 of 3 seeds and by bias in 0 of 3 seeds" in text
    )
    assert "Neither reached 0.890 on validation." in text


def test_with_misses_the_median_of_the_paired_ratios_counts_them_as_infinite() -> None:
    """Both miss the goal in seed 0, each alone in one more; in the others it is four times."""

    def curves(name: str, seconds: float, missed: set[int]) -> list[Record]:
        return [
            record(
                name,
                seed=n,
                goals=(0.9,),
                curve=[Point(epoch=1, seconds=seconds, rmse=0.95 if n in missed else 0.89, mae=1)],
            )
            for n in range(13)
        ]

    text = compare([*curves("als", 1.0, {0, 1}), *curves("ncf", 4.0, {0, 2})], "als", "ncf")
    assert (
        "0.900 on validation was reached by als in 11 of 13 seeds and by ncf in 11 of 13 seeds; "
        "als was 4.00 (95 % interval 4.00–4.00, 13 paired seeds, median, a miss as ∞) times sooner."
    ) in text
    few = compare([*curves("als", 1.0, {0, 1, 3, 4}), *curves("ncf", 4.0, {0})], "als", "ncf")
    assert "by the median" not in few.partition("0.900 on")[2].partition("'s best")[0]


def test_equal_times_to_a_goal_are_called_noise() -> None:
    a = runs("ncf", [5.0, 5.6, 5.4], [0.92, 0.92, 0.92])
    b = runs("bias", [5.1, 5.5, 5.4], [0.92, 0.92, 0.92])
    assert "No difference beyond noise in the time to 0.950 on validation: a ratio of 1.0" in (
        compare([*a, *b], "ncf", "bias")
    )


def test_a_side_that_was_not_validated_in_training_has_no_time_to_a_goal() -> None:
    unseen = [record("ncf", seed=seed, curve=[]) for seed in range(3)]
    assert "on validation" not in compare([*FAST, *unseen], "ncf", "embedding_mf")


def copied(shared: int, own: int = 0) -> list[Record]:
    """A row, and a copy that reuses its first `shared` seeds and ran the next `own` itself."""
    runs = [record("a.py:A", seed=seed, fit_s=4 + seed / 50, rmse=0.9) for seed in range(5)]
    name = {"implementation": "b.py:A"}
    reused = [
        each.model_copy(update={"cell": each.cell.model_copy(update=name)})
        for each in runs[:shared]
    ]
    fresh = [
        record("b.py:A", seed=seed, fit_s=8 + seed / 50, rmse=0.9, minute=5)
        for seed in range(shared, shared + own)
    ]
    return [*runs, *reused, *fresh]


@pytest.mark.parametrize("shared", [1, 2, 5])
def test_a_copy_of_a_row_is_not_compared_with_itself(shared: int) -> None:
    for a, b in (("a.py:A", "b.py:A"), ("b.py:A", "a.py:A")):
        text = compare(copied(shared), a, b)
        assert text.startswith(f"{a} and {b} are the same runs on ml-100k (")
        assert text.endswith("there is no difference between them.")
        assert "accurate" not in text
        assert "faster" not in text


def test_where_only_some_runs_are_shared_the_others_are_compared() -> None:
    text = compare(copied(2, 3), "a.py:A", "b.py:A")
    assert "a.py:A ran" in text
    assert "3 paired seeds" in text
    assert "Seeds 0, 1: the same runs under both names" in text


def own_runs(n: int, **common: Any) -> list[Record]:
    """Of one row; the seconds grow with the seed."""
    return [record("als", seed=seed, fit_s=4 + seed / 100, **common) for seed in range(n)]


def test_a_row_against_itself_is_every_other_run_against_the_rest() -> None:
    text = compare(own_runs(8), "als", "als")
    assert text.startswith(
        "als against itself: its runs of seeds 0, 2, 4 … against 1, 3, 5 …: a difference here is a "
        "false alarm.\nNo difference in fit time beyond noise between als (seeds 0, 2, 4 …) and "
        "als (seeds 1, 3, 5 …) on ml-100k (random:80/10/10, 4 and 4 seeds, unpaired, machine box-1)"
    )
    assert "No difference beyond noise in the time to 0.946 on validation" in text
    uneven = [
        each.model_copy(update={"times": times(8.0 + each.cell.seed / 100)})
        if each.cell.seed % 2
        else each
        for each in own_runs(7)
    ]
    assert "als (seeds 0, 2, 4 …) ran 1.99 (95 % interval " in compare(uneven, "als", "als@cpu")


def test_a_row_needs_four_runs_to_be_compared_with_itself() -> None:
    broken = [record("als", seed=9, status="failed")]
    with pytest.raises(
        ValueError, match=r"^als has figures of 3 seeds on ml-.* needs 4: .*--seeds 6"
    ):
        compare([*own_runs(3), *broken], "als", "als@cpu")
    twice = [*own_runs(3), *(again(each) for each in own_runs(3))]
    with pytest.raises(ValueError, match="of 3 seeds"):
        compare(twice, "als", "als")
    elsewhere = [record("als", seed=seed, machine="box-2") for seed in range(4)]
    text = compare([*own_runs(3), *elsewhere], "als", "als")
    assert "machine box-2" in text
    assert "box-1" not in text
    assert compare(broken, "als", "als").count("has no figures") == 1


def again(of: Record) -> Record:
    """Another run of the same seed."""
    cell = of.cell.model_copy(update={"again": 1})
    return of.model_copy(update={"cell": cell, "identity": f"{of.identity}-again"})


def test_the_runs_of_one_seed_are_in_one_half() -> None:
    runs = own_runs(6)
    text = compare([*runs, again(runs[0]), again(runs[3])], "als", "als")
    assert "its runs of seeds 0, 2, 4 against 1, 3, 5: " in text
    assert "3 and 3 seeds, unpaired" in text


LISTED = {"layers": [64, 32], "rate": 0.01}


@pytest.mark.parametrize(
    "spelled",
    [
        *("x/own.py:A layers=[64, 32]", "own.py:A layers=[64, 32]", "./x/../x/own.py:A@cpu"),
        *("x/own.py:A layers=(64,32) rate=1e-2", "own.py:A rate=0.01 threads=2"),
    ],
)
def test_a_row_is_found_however_it_is_spelled(spelled: str) -> None:
    own = own_runs(4, hyperparameters=LISTED)
    named = {"implementation": "x/own.py:A"}
    records = [r.model_copy(update={"cell": r.cell.model_copy(update=named)}) for r in own]
    other = record("x/own.py:A", hyperparameters={"layers": [8], "rate": 0.01})
    text = compare([*records, other], "x/own.py:A layers=[64, 32]", spelled)
    assert text.startswith("x/own.py:A layers=[64, 32] against itself")


def test_every_label_that_is_shown_selects_its_row() -> None:
    records = [
        *eight(seeds=2),
        *(record("ncf", device="cuda", minute=30, seed=seed) for seed in (0, 1)),
        *(record("bias", hyperparameters={"damping": 9}, seed=n, minute=31) for n in (0, 1)),
        record("some/folder/mine.py:Own", minute=32),
        record("a\tb.py:Own", minute=33),
    ]
    table = table_of(*records)
    rows = list(rows_of(records, records))
    assert rows == [line.name for line in table.lines]
    shown = Shown(table, 300)
    in_the_summary = [shown.columns[0].text(line) for line in shown.lines]
    devices = [shown.columns[1].text(line).lower() for line in shown.lines]
    for line, label, device in zip(shown.lines, in_the_summary, devices, strict=True):
        if line.row.implementation == "ncf":
            continue
        for selector in (line.name, f"{one_line(label)}@{device}"):
            assert line.name in compare(records, selector, "ncf@cuda")
    assert "mine.py:Own" in in_the_summary
    assert "ncf@cuda" in rows


def test_a_script_whose_name_has_an_at_is_no_device() -> None:
    records = [*SLOW, record("a@cpu.py:A")]
    assert "a@cpu.py:A fit in" in compare(records, "a@cpu.py:A", "numpy_sgd")


def test_two_files_of_one_name_are_distinguished_and_selected_by_either_name() -> None:
    records = [
        record(row, dataset=name, data=data(fingerprint=name * 3))
        for name in ("a/r.csv", "b/r.csv")
        for row in ("numpy_sgd", "ncf")
    ]
    both = compare(records, "ncf", "numpy_sgd", "r.csv")
    assert "on a/r.csv (" in both
    assert "on b/r.csv (" in both
    one = compare(records, "ncf", "numpy_sgd", "b/r.csv")
    assert "on b/r.csv (" in one
    assert "a/r.csv" not in one


def test_a_dataset_is_selected_by_each_of_its_names() -> None:
    records = [
        record(row, dataset=name, minute=minute)
        for minute, name in enumerate(("/home/me/u.data", "ml-100k"))
        for row in ("numpy_sgd", "ncf")
    ]
    for name in ("u.data", "/home/me/u.data", "ml-100k"):
        assert "on ml-100k (" in compare(records, "ncf", "numpy_sgd", name)
