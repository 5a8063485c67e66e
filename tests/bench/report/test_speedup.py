"""CUDA beside the CPU: which cells are pairs, their figures, and from what size CUDA pays."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from bench.records import Record
from bench.report.files import MADE_BY
from bench.report.grouping import tables
from bench.report.pages.cuda import speedup_page
from bench.report.plots.cuda import batches_plot, looks, ratings_plot
from bench.report.speedup import Curve, Pair, Speedup, over_batches, over_ratings, speedups
from bench.stats import Comparison, Interval, ratio
from tests.support.records import cells, data, record, training_curve

GPU = "NVIDIA H200"


def side(
    implementation: str = "embedding_mf",
    *,
    epoch_s: float,
    ratings: int = 1_000_000,
    batch: int | None = None,
    settings: dict[str, Any] | None = None,
    **changes: Any,
) -> Record:
    """A run on a synthetic set of so many ratings; its machine has a GPU."""
    fields: dict[str, Any] = {
        "dataset": f"synthetic-{ratings // 1000}k",
        "data": data(fingerprint=f"{ratings}", n_ratings=ratings),
        "fit_s": 30 * epoch_s,  # of which the factory makes 30 epochs
        "hyperparameters": {"batch_size": batch, "epochs": 3, **(settings or {})},
        "gpu": GPU,
    }
    return record(implementation, **(fields | changes))


def pair(speedup: float, implementation: str = "embedding_mf", **changes: Any) -> list[Record]:
    """Two runs of the same cell on both devices: an epoch of 0.1 s on CUDA."""
    return [
        side(implementation, epoch_s=epoch_s, device=device, **{"seed": seed, **changes})
        for seed in (0, 1)
        for device, epoch_s in (("cpu", 0.1 * speedup), ("cuda", 0.1))
    ]


def found_in(*records: Record) -> list[Speedup]:
    return speedups(tables(records))


def only(*records: Record) -> Pair:
    [speedup] = found_in(*records)
    [pair] = speedup.pairs
    return pair


def value(speedup: Interval | None) -> float:
    assert speedup is not None
    return speedup.value


def rows(*records: Record) -> dict[str, dict[str, str]]:
    """The page's table by label."""
    return cells(speedup_page(found_in(*records)))


def sweep(implementation: str, speedup: float, power: float, **changes: Any) -> list[Record]:
    """Four batch sizes at 1 M ratings, of which the largest is run at 10 M, too."""
    records = [
        each
        for batch in (256, 1024, 8192, 65536)
        for each in pair(speedup * (batch / 256) ** power, implementation, batch=batch, **changes)
    ]
    top = speedup * 256**power
    return [*records, *pair(top, implementation, batch=65536, ratings=10_000_000, **changes)]


def test_a_pair_has_both_times_their_ratio_and_the_errors() -> None:
    cpu = side(epoch_s=1.2, batch=1024, rmse=0.92, threads=16)
    cuda = side(epoch_s=0.1, batch=1024, rmse=0.9213, threads=16, device="cuda:1")
    assert rows(cpu, cuda)["embedding_mf"] == {
        "implementation": "embedding_mf",
        "batch": "1,024",
        "dataset": "synthetic-1000k",
        "ratings": "1,000,000",
        "threads": "16",
        "epoch s (CPU)": "1.20",
        "epoch s (CUDA)": "0.100",
        "speed-up": "—",  # one run of each has no interval
        "test RMSE (CPU)": "0.9200",
        "test RMSE (CUDA)": "0.9213",
        "difference": "+0.0013",
        "≤ 0.002": "yes",
    }


@pytest.mark.parametrize(
    "other",
    [
        {"device": "cpu"},
        {"status": "skipped", "reason": "no CUDA device"},
        {"seed": 1},
        {"batch": 512},
        {"settings": {"epochs": 9}},
        {"split": "u1"},
        {"machine": "box-2"},
        {"ratings": 2_000_000},
        {"implementation": "ncf"},
        {"status": "out of memory", "times": None},
    ],
)
def test_without_the_same_cell_on_both_devices_there_is_no_pair(
    other: dict[str, Any],
) -> None:
    cpu = side(epoch_s=1.0, batch=1024)
    assert found_in(cpu, side(**{"epoch_s": 0.1, "batch": 1024, "device": "cuda", **other})) == []


def test_every_form_of_a_step_on_cuda_stands_beside_the_one_run_on_the_cpu() -> None:
    cpu = side(epoch_s=1.0, settings={"step": "captured"})
    captured = side(epoch_s=0.1, settings={"step": "captured"}, device="cuda")
    eager = side(epoch_s=0.5, settings={"step": "eager"}, device="cuda")
    [speedup] = found_in(cpu, captured, eager)
    found = {pair.label: value(pair.speedup) for pair in speedup.pairs}
    ratios = {"embedding_mf step=captured": 10.0, "embedding_mf step=eager": 2.0}
    assert found == pytest.approx(ratios)


def test_a_cell_that_failed_on_cuda_stands_beside_those_that_did_not() -> None:
    broken = side("ncf", epoch_s=1, device="cuda", status="out of memory", reason="2 GB wanted")
    text = speedup_page(found_in(*pair(2.0), side("ncf", epoch_s=1), broken))
    row = cells(text)["ncf"]
    assert (row["epoch s (CPU)"], row["epoch s (CUDA)"]) == ("1.00", "— [1]")
    assert (row["speed-up"], row["difference"], row["≤ 0.002"]) == ("—", "—", "—")
    assert "- [1] out of memory: 2 GB wanted" in text
    assert "ncf" not in text.partition("|")[0]


def test_a_run_that_was_stopped_keeps_its_epochs_and_its_error_is_no_difference() -> None:
    late = side(epoch_s=2.0, status="timeout", reason="time limit reached")
    killed = side(
        epoch_s=0,
        status="timeout",
        times=None,
        metrics=None,
        curve=training_curve(0.9, 8.0, epochs=2),
    )
    cuda = side(epoch_s=0.1, device="cuda")
    assert value(only(late, cuda).speedup) == pytest.approx(20.0)
    assert value(only(killed, cuda).speedup) == pytest.approx(40.0)
    row = rows(late, cuda)["embedding_mf"]
    assert (row["epoch s (CPU)"], row["test RMSE (CPU)"]) == ("2.00 [1]", "0.9200")
    assert (row["difference"], row["≤ 0.002"]) == ("—", "—")


def test_repeats_are_paired_by_seed_and_the_difference_is_of_the_seed_with_the_largest() -> None:
    cpu = [side(epoch_s=s, seed=n) for n, s in enumerate((5.0, 1.0, 2.0, 99.0))]
    errors = (0.9195, 0.9175, 0.9199)
    cuda = [side(epoch_s=0.1, seed=n, device="cuda", rmse=e) for n, e in enumerate(errors)]
    found = only(*cpu, *cuda)
    assert found.speedup == ratio({0: 5.0, 1: 1.0, 2: 2.0}, dict.fromkeys(range(3), 0.1)).interval
    assert value(found.speedup) == pytest.approx((50 * 10 * 20) ** (1 / 3))
    assert found.rmse_gap == pytest.approx(-0.0025)
    assert [record.cell.seed for record in found.cpu.records] == [0, 1, 2]
    row = rows(*cpu, *cuda)["embedding_mf"]
    assert (row["difference"], row["≤ 0.002"]) == ("−0.0025", "no")
    assert row["speed-up"] == "22× (2.9–160)"


def test_a_difference_is_judged_as_it_is_shown() -> None:
    cpu = side(epoch_s=1, rmse=0.9200)
    agreed = [
        rows(cpu, side(epoch_s=1, rmse=0.92 + gap, device="cuda"))["embedding_mf"]["≤ 0.002"]
        for gap in (0.002, 0.00204, 0.00206)
    ]
    assert agreed == ["yes", "yes", "no"]


def test_of_several_numbers_of_threads_each_device_has_its_fastest() -> None:
    cpu = [side(epoch_s=s, threads=n) for n, s in ((1, 1.5), (16, 4.0))]
    cuda = [side(epoch_s=s, threads=n, device="cuda") for n, s in ((1, 0.3), (16, 0.1))]
    row = rows(*cpu, *cuda)["embedding_mf"]
    assert (row["threads"], row["epoch s (CPU)"], row["epoch s (CUDA)"]) == ("1", "1.50", "0.100")


def test_labels_have_the_settings_that_differ_but_those_that_the_table_has() -> None:
    two = [
        *pair(2.0, batch=256, settings={"factors": 8}),
        *pair(3.0, batch=512, settings={"factors": 64, "epochs": 20}, minute=1),
        *pair(3.0, "als", threads=1),
        *pair(3.0, "als", threads=2, ratings=2_000_000),
    ]
    [speedup] = found_in(*two)
    assert [pair.label for pair in speedup.pairs] == [
        "embedding_mf factors=64",
        "embedding_mf factors=8",
        "als",
        "als",
    ]


def test_a_curve_over_ratings_is_the_settings_with_the_most_sizes() -> None:
    fit = {"settings": {"epochs": 20}}  # as many epochs as there may be: it is the same line
    records = [
        *pair(0.5, batch=1024),
        *pair(2.0, batch=8192, **fit),
        *pair(4.0, batch=8192, ratings=10_000_000),
        *pair(0.1, "autograd_mf"),
    ]
    [speedup] = found_in(*records)
    found = {
        line.name: [(size, it.interval.value) for size, it in line.points]
        for line in over_ratings(speedup)
    }
    assert found == {
        "autograd_mf": [(1_000_000, pytest.approx(0.1))],
        "embedding_mf batch_size=8192": [
            (1_000_000, pytest.approx(2.0)),
            (10_000_000, pytest.approx(4.0)),
        ],
    }


def test_over_batches_a_dataset_is_a_panel_where_a_row_has_two_sizes() -> None:
    records = [
        *sweep("embedding_mf", 0.5, 0.5),
        *pair(2.0, "als"),
        *pair(1.0, "embedding_mf", batch=1024, ratings=10_000_000),
    ]
    [speedup] = found_in(*records)
    panels = over_batches(speedup)
    sizes = {dataset: [line.sizes for line in lines] for dataset, lines in panels.items()}
    assert sizes == {
        "synthetic-1000k": [[256, 1024, 8192, 65536]],
        "synthetic-10000k": [[1024, 65536]],
    }
    [alone] = found_in(*pair(2.0, batch=256))
    assert (over_batches(alone), batches_plot(alone)) == ({}, None)
    assert "batches" not in speedup_page([alone])


@pytest.mark.parametrize(
    ("points", "pays_from"),
    [
        (((1, 2.0), (2, 3.0)), 1),
        (((1, 0.5), (2, 1.0), (3, 1.1)), 3),
        (((1, 1.5), (2, 0.9), (3, 2.0), (4, 2.1)), 3),
        (((1, 1.5), (2, 0.9)), None),
        (((1, 1.5), (1, 0.9), (2, 3.0)), 2),
        (((1, 0.1),), None),
    ],
)
def test_cuda_pays_from_the_size_from_which_it_stays_faster(
    points: tuple[tuple[int, float], ...], pays_from: int | None
) -> None:
    some = tuple(
        (size, Comparison(Interval(times, times, times, 3, 0.95), 3, differs=times != 1))
        for size, times in points
    )
    assert Curve("als", "als", "als", some).pays_from == pays_from


def test_cuda_pays_where_it_differs_beyond_noise() -> None:
    shown = Interval(1.5, 1.01, 2.2, 3, 0.95)  # excludes a tie, which at `DECIDES` it may not
    tie, faster = Comparison(shown, 3, differs=False), Comparison(shown, 3, differs=True)
    once = Comparison(Interval(9.0, 9.0, 9.0, 1, None), 1, differs=False)
    assert Curve("als", "als", "als", ((1, tie), (2, faster))).pays_from == 2
    assert Curve("als", "als", "als", ((1, once), (2, faster))).pays_from == 2
    assert Curve("als", "als", "als", ((1, faster), (2, once))).pays_from is None


def test_one_run_of_each_states_no_speed_up() -> None:
    once = [record for record in pair(3.0) if record.cell.seed == 0]
    text = speedup_page(found_in(*once))
    assert "**One run of each cell has no interval** (`--seeds 6` gives one)" in text
    assert "CUDA pays**" not in text
    assert cells(text)["embedding_mf"]["speed-up"] == "—"
    als = [record for record in pair(3.0, "als") if record.cell.seed == 0]
    noisy = [side("ncf", epoch_s=s, seed=n) for n, s in enumerate((0.1, 0.9))]
    noisy += [side("ncf", epoch_s=0.1, seed=n, device="cuda") for n in (0, 1)]
    beside = speedup_page(found_in(*pair(2.0), *als, *noisy))
    assert "als is not known (one run of each)" in beside
    assert "ncf never here (at best 3.0× (" in beside


def test_the_page_opens_with_from_what_size_cuda_pays() -> None:
    records = [
        *pair(0.5, "als", ratings=100_000),
        *pair(4.0, "als"),
        *pair(1.5, "bayesian_mf", ratings=100_000),
        *pair(0.8, "bayesian_mf"),
        *pair(0.11, "autograd_mf"),
        *sweep("ncf", 0.5, 0.5),
    ]
    text = speedup_page(found_in(*records))
    before_the_table = text.partition("|")[0]
    assert (
        "**From what size CUDA pays**, that is, is faster beyond noise and stays so: "
        "autograd_mf never here (at best 0.11×, at 1,000,000 ratings); "
        "ncf batch_size=65536 from 1,000,000 ratings; als from 1,000,000 ratings; "
        "bayesian_mf not for good here (at best 1.5×, at 100,000 ratings)."
    ) in before_the_table
    assert "- synthetic-1000k: ncf from 8,192\n" in before_the_table
    assert f"2 cores, 7.8 GB memory, {GPU}" in before_the_table


def test_machines_and_splits_have_sections_and_plots_of_their_own_newest_first() -> None:
    records = [
        *pair(2.0, machine="old"),
        *pair(2.0, machine="new", minute=1),
        *pair(2.0, machine="new", split="u1", minute=2),
    ]
    found = found_in(*records)
    assert [(each.machine, each.split) for each in found] == [
        ("new", "u1"),
        ("new", "random:80/10/10"),
        ("old", "random:80/10/10"),
    ]
    assert len({ratings_plot(each).path for each in found}) == 3


def test_what_stands_in_is_named() -> None:
    note = "synthetic-100k stands in for ml-100k"
    assert f"**{note}**" in speedup_page(found_in(*pair(2.0, data=data(note=note))))


@pytest.mark.filterwarnings("error")
def test_the_plots_are_marked_and_their_bytes_are_the_records() -> None:
    records = [
        *sweep("embedding_mf", 0.4, 0.6),
        *sweep("a$b", 0.2, 0.5),
        *pair(0.1, "autograd_mf"),
        *pair(1.0, "embedding_mf", batch=1024, ratings=10_000_000),
    ]
    [speedup] = found_in(*records)
    for plot in (ratings_plot, batches_plot):
        one, two = plot(speedup), plot(speedup)
        assert one is not None
        assert two is not None
        drawn = one.png()
        assert Image.open(io.BytesIO(drawn)).info["Software"] == MADE_BY
        assert two.png() == drawn


def test_settings_of_one_implementation_look_unlike_and_are_the_same_in_both_plots() -> None:
    records = [
        *sweep("embedding_mf", 0.5, 0.5, settings={"step": "captured"}),
        *pair(2.0, batch=256, ratings=100_000, settings={"step": "eager"}),
        *pair(3.0, batch=512, ratings=100_000, settings={"step": "eager"}),
    ]
    [speedup] = found_in(*records)
    found = looks(speedup)
    assert list(found) == ["embedding_mf step=captured", "embedding_mf step=eager"]
    one, two = found.values()
    assert all(one[part] != two[part] for part in ("color", "marker", "linestyle"))
