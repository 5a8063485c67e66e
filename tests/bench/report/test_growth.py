"""Growth over the synthetic datasets: which rows, which figures, which exponents."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from bench.records import Memory, Record
from bench.report.files import MADE_BY
from bench.report.growth import growth
from bench.report.pages.growth import growth_page
from bench.report.plots.growth import growth_plot
from tests.support.records import cells, data, metrics, record, training_curve

SIZES = {"100k": 100_000, "1m": 1_000_000, "10m": 10_000_000, "25m": 25_000_000}
BASE = 150_000_000


def at(
    size: str, implementation: str = "numba_sgd", exponent: float = 1.0, **changes: Any
) -> Record:
    """A run on `synthetic-<size>`: an epoch of 1 s on 100k, and 20 bytes a rating."""
    n = SIZES[size]
    seconds = 30 * (n / SIZES["100k"]) ** exponent
    fields: dict[str, Any] = {
        "dataset": f"synthetic-{size}",
        "data": data(fingerprint=size, n_ratings=n),
        "fit_s": seconds,
        "hyperparameters": {"factors": 61, "epochs": 3},
        "metrics": metrics(0.9, [], n_train=n * 8 // 10),
        "memory": memory(BASE + 20 * n),
    }
    return record(implementation, **(fields | changes))


def memory(peak: int, base: int | None = BASE) -> Memory:
    return Memory(host_peak_bytes=peak, device_peak_bytes=None, host_base_bytes=base)


def all_sizes(implementation: str = "numba_sgd", **changes: Any) -> list[Record]:
    return [at(size, implementation, **changes) for size in SIZES]


def page(*records: Record) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """The table of times and the table of memory."""
    _, _, after = growth_page(growth(records)).partition("**Seconds per epoch**")
    times, _, memories = after.partition("**Peak memory**")
    return cells(times), cells(memories)


def test_each_size_has_its_figure_and_an_exact_power_law_its_exponent() -> None:
    times, memories = page(*all_sizes(exponent=1.1))
    row = times["numba_sgd"]
    assert (row["synthetic-100k"], row["synthetic-1m"]) == ("1.00", "12.6")
    assert (row["exponent"], row["points"]) == ("1.10 ± 0.00", "4")
    assert memories["numba_sgd"]["synthetic-25m"] == "650"


def test_memory_grows_as_what_is_above_the_base() -> None:
    row = page(*all_sizes())[1]["numba_sgd"]
    assert (row["base"], row["exponent"]) == ("150", "1.00 ± 0.00")
    old = [at(size, memory=memory(BASE + 20 * n, base=None)) for size, n in SIZES.items()]
    row = page(*old)[1]["numba_sgd"]
    assert (row["base"], row["exponent"], row["points"]) == ("—", "—", "0")


def test_what_nothing_can_do_without_stands_beside_the_peak() -> None:
    # 12 bytes for 20 million ratings, 62 entries of 4 bytes for 943 + 1,682 rows: 240.651 MB.
    header = "ratings + parameters, synthetic-25m"
    _, memories = page(*all_sizes(), *all_sizes("bias"))
    assert memories["numba_sgd"][header] == "241"
    assert memories["bias"][header] == "—"


def test_two_sizes_are_shown_without_an_exponent_and_one_is_not() -> None:
    times, _ = page(at("100k"), at("10m"), at("100k", "ncf"))
    assert list(times) == ["numba_sgd"]
    assert (times["numba_sgd"]["exponent"], times["numba_sgd"]["points"]) == ("—", "2")
    assert growth([at("100k"), at("100k", seed=1), at("1m", "als")]) == []
    assert growth([record(dataset="ml-100k"), record(dataset="ml-1m")]) == []


def test_what_ran_with_other_settings_is_another_row() -> None:
    threads = {size: 1 if size == "10m" else 2 for size in SIZES}
    times, _ = page(*(at(size, threads=n) for size, n in threads.items()))
    assert "synthetic-10m" not in times["numba_sgd"]
    assert times["numba_sgd"]["points"] == "3"
    one, two = all_sizes(), all_sizes(hyperparameters={"factors": 8, "epochs": 3})
    assert list(page(*one, *two)[0]) == ["numba_sgd factors=61", "numba_sgd factors=8"]


def test_records_of_an_older_source_take_no_part() -> None:
    new = [at(size, source="b", minute=9, exponent=2.0) for size in ("100k", "1m")]
    times, _ = page(*all_sizes(source="a"), *new)
    assert times["numba_sgd"]["points"] == "2"


def test_a_row_that_timed_out_keeps_the_epochs_it_finished() -> None:
    late = at("10m", status="timeout", reason="time limit reached after 1 epoch(s)")
    killed = at(
        "25m",
        status="timeout",
        reason="killed",
        times=None,
        metrics=None,
        memory=None,
        curve=training_curve(0.9, 500.0, epochs=2),
    )
    times, memories = page(at("100k"), at("1m"), late, killed)
    row = times["numba_sgd"]
    assert (row["synthetic-10m"], row["synthetic-25m"]) == ("100 [1]", "250 [2]")
    assert memories["numba_sgd"]["synthetic-25m"] == "— [2]"
    never = at("25m", status="timeout", reason="killed", times=None, curve=[], minute=1)
    assert page(at("100k"), at("1m"), late, never)[0]["numba_sgd"]["synthetic-25m"] == "— [2]"
    broken = at("25m", status="failed", reason="a fault", minute=1)
    text = growth_page(growth([at("100k"), at("1m"), broken]))
    assert text.count("- [1] failed: a fault") == 2


def test_a_model_without_epochs_has_its_whole_fit() -> None:
    closed = [
        each.model_copy(update={"times": each.times.model_copy(update={"epoch_s": None})})
        for each in all_sizes("bias")
        if each.times
    ]
    assert page(*closed)[0]["bias"]["synthetic-100k"] == "30.0"


def test_repeats_count_by_their_median() -> None:
    repeats = [at("100k", seed=n, fit_s=30.0 * s) for n, s in enumerate((5, 1, 2))]
    assert page(*repeats, at("1m"))[0]["numba_sgd"]["synthetic-100k"] == "2.00"


def test_machines_and_splits_stand_apart_and_devices_are_named() -> None:
    found = growth([*all_sizes(machine="old"), *all_sizes(machine="new", minute=1)])
    assert [each.machine for each in found] == ["new", "old"]
    assert len({growth_plot(each).path for each in found}) == 2
    assert len(growth([at("100k"), at("1m", split="u1")])) == 0
    times, _ = page(*all_sizes(), *all_sizes(device="cuda"))
    assert times["numba_sgd"]["device"] == "CUDA"


@pytest.mark.filterwarnings("error")
def test_the_plot_is_marked_and_its_bytes_are_the_records() -> None:
    two = [at("100k", "als"), at("1m", "als", status="failed")]
    [found] = growth([*all_sizes(), *all_sizes("a$b"), *two])
    drawn = growth_plot(found).png()
    assert Image.open(io.BytesIO(drawn)).info["Software"] == MADE_BY
    assert growth_plot(found).png() == drawn
