"""The plots' bytes and frames. How they look was judged by eye."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from bench.report.files import MADE_BY
from bench.report.plots.curves import AIR, MARKED, curves, least_seconds, limits, traces
from bench.report.plots.pareto import pareto
from bench.report.plots.style import COLOURS, DASHES, MARKERS, Plot, frame, log_ticks, short
from bench.report.rows import Row, Table
from impls.registry import IMPLEMENTATIONS
from tests.support.records import (
    closed_form,
    data,
    eight,
    epoch_budgets,
    record,
    table_of,
    training_curve,
)

both = pytest.mark.parametrize("plot_of", [curves, pareto])
PlotOf = Callable[[Table], Plot | None]


def png(plot: Plot | None) -> bytes:
    assert plot is not None
    return plot.png()


@both
def test_a_plot_of_the_same_records_is_not_drawn_again(plot_of: PlotOf) -> None:
    table = table_of(*eight())
    before = png(plot_of(table))
    plot = plot_of(table)
    assert plot is not None
    undrawn = replace(plot, draw=lambda _: pytest.fail("was drawn"))
    assert undrawn.png(before) is before
    fewer = plot_of(table_of(*eight()[:-1]))
    assert fewer is not None
    assert fewer.png(before) != before
    cut_off = before[:-1]
    assert plot.png(cut_off) == before


@both
def test_a_plot_is_drawn_again_where_the_registry_has_another_order(
    plot_of: PlotOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(*eight())
    before = png(plot_of(table))
    other = dict(reversed(IMPLEMENTATIONS.items()))
    monkeypatch.setattr("bench.report.plots.style.IMPLEMENTATIONS", other, raising=False)
    plot = plot_of(table)
    assert plot is not None
    assert plot.png(before) != before


def bests(table: Table) -> list[tuple[str, float]]:
    return [(trace.line.row.implementation, trace.best) for trace in traces(table)]


@both
def test_the_same_records_give_the_same_bytes_whatever_the_users_settings(
    plot_of: PlotOf,
) -> None:
    import matplotlib as mpl

    table = table_of(*eight(), epoch_budgets("peer:cornac_mf"))
    first = png(plot_of(table))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert png(plot_of(table)) == first
    assert Image.open(io.BytesIO(first)).info["Software"] == MADE_BY


@both
@pytest.mark.filterwarnings("error")
def test_odd_names_times_and_levels_are_drawn(plot_of: PlotOf) -> None:
    drawn = plot_of(
        table_of(
            record("_own.py:A$\\frac$", curve=closed_form(0.95, 0.0)),
            record("ncf", status="timeout", curve=training_curve(0.9, 2.0), goals=(0.9, 0.9001)),
            record("ncf", device="cuda", data=data(floor=0.9, note="A note $5 < $6. " * 12)),
        )
    )
    assert png(drawn)


def test_without_curves_there_is_no_plot() -> None:
    assert curves(table_of(record(status="failed"), record("ncf", curve=[]))) is None


def test_with_figures_of_one_row_there_is_no_pareto_plot() -> None:
    assert pareto(table_of(record("ncf", status="failed"), record())) is None


def test_the_seed_with_the_median_fit_is_shown() -> None:
    [trace] = traces(table_of(*(record(seed=n, fit_s=s) for n, s in enumerate((9.0, 3.0, 5.0)))))
    assert trace.shown.cell.seed == 2
    assert sorted(record.cell.seed for record in trace.others) == [0, 1]


def test_full_fits_are_markers_without_a_line_and_even_one_is_no_closed_form() -> None:
    found = epoch_budgets("peer:cornac_mf")
    drawn = {
        png(curves(table_of(found.model_copy(update={"epoch_budgets": it}))))
        for it in (True, False)
    }
    assert len(drawn) == 2
    [trace] = traces(table_of(found.model_copy(update={"curve": found.curve[:1]})))
    assert not trace.closed_form


def test_no_run_has_its_lowest_cut_off_and_fast_epochs_are_where_they_were() -> None:
    seeds = [record(seed=n, curve=training_curve(rmse, 9.0)) for n, rmse in enumerate((0.9, 0.8))]
    table = table_of(*seeds, record("bias", curve=closed_form(0.95, 1e-5)))
    low, high = limits(table, traces(table))
    lowest = min(point.rmse for each in seeds for point in each.curve)
    assert low < lowest < high
    assert least_seconds(table, traces(table)) == 0.001
    fast = table_of(
        record(curve=training_curve(0.9, 0.003)), record("bias", curve=closed_form(0.95, 1e-5))
    )
    _, high = limits(fast, traces(fast))
    visible = min(p.seconds for t in traces(fast) for p in t.points if p.epoch and p.rmse <= high)
    assert least_seconds(fast, traces(fast)) == visible < 0.001
    plot = curves(fast)
    assert plot is not None
    assert "drawn at 0.001 s" not in plot.note


def test_a_model_without_epochs_has_a_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    every = []
    plot = Axes.plot

    def seen(self: Axes, *points: Any, **style: Any) -> Any:
        every.append((len(points[0]), style.get("markevery")))
        return plot(self, *points, **style)

    monkeypatch.setattr(Axes, "plot", seen)
    png(curves(table_of(record(), record("bias", curve=closed_form(0.95, 0.01)))))
    assert (1, None) in every
    assert (30, MARKED) in every
    assert (1, MARKED) not in every


def test_a_library_has_a_marker_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(record(), epoch_budgets("peer:cornac_mf"))
    assert [row.is_third_party for row in table.rows] == [False, True]
    apart = png(pareto(table))
    monkeypatch.setattr(Row, "is_third_party", False)
    assert png(pareto(table)) != apart


@given(st.floats(1e-6, 1e9), st.floats(1.05, 1e6))
def test_a_log_axis_has_labels_however_short_its_span(low: float, ratio: float) -> None:
    """The memory of a machine whose rows all took 1,065 to 2,024 MB had none."""
    axes = Figure().subplots()
    axes.set_yscale("log")
    axes.set_ylim(low, low * ratio)
    axes.yaxis.set_major_locator(log_ticks(*axes.get_ylim()))
    inside = [tick for tick in axes.get_yticks() if low <= tick <= low * ratio]
    assert 2 <= len(inside) <= 10


def test_rows_lie_in_frame_and_first_epochs_and_global_mean_do_not_set_it() -> None:
    drawn = bests(table_of(*eight()))
    low, high = frame(drawn, [0.946, 0.900], AIR)
    assert all(low < best < high for name, best in drawn if name != "global_mean")
    assert low < 0.900
    assert 0.946 < high < 1.0


def test_a_model_worse_than_global_mean_does_not_squeeze_the_others() -> None:
    bad = record("own", curve=training_curve(1.5, 5.0, start=3.0))
    assert frame(bests(table_of(*eight(), bad)), [], AIR)[1] < 1.0


def test_baselines_alone_have_a_frame() -> None:
    low, high = frame([("global_mean", 1.1)], [], AIR)
    assert low < 1.1 < high


def test_no_two_of_sixty_rows_look_alike_even_without_colour() -> None:
    looks = {(n % len(MARKERS), n % len(DASHES)) for n in range(44)}
    assert len(looks) == 44
    assert len({(n % len(COLOURS), *look) for n, look in enumerate(sorted(looks))}) == 44


def test_a_long_label_begins_with_the_name_of_its_row() -> None:
    settings = "batch_size=200 epochs=3 hidden=500 step=eager@cuda"
    assert short(f"autorec {settings}") == "autorec …hidden=500 step=eager@cuda"
    assert short(f"sparse_embedding_mf {settings}") == "sparse_embedding_mf …step=eager@cuda"
    assert short("autorec batch_size=200 epochs=40 hidden=300 (timeout)") == (
        "autorec …hidden=300 (timeout)"
    )
    cut = short("sparse_embedding_mf batch_size=8192 learning_rate=0.0005@cuda")
    assert cut == "sparse_embedding_mf …ate=0.0005@cuda"
    by_batch = [f"autorec batch_size={n} epochs=3 step=captured@cuda" for n in (200, 1000)]
    assert [short(each, by_batch) for each in by_batch] == by_batch


def test_two_scripts_of_one_name_have_two_labels() -> None:
    tail = "of-the-project/implementations/x.py:X"
    names = [f"{folder}-{tail}" for folder in ("first", "second", "other")]
    assert len({short(name) for name in names}) == 1
    assert len({short(name, names) for name in names}) == 3
    alike = [f"first{'-' * n}{tail}" for n in (20, 21)]
    assert [short(name, alike) for name in alike] == alike
    assert short("x.py:X", names) == "x.py:X"


def test_of_very_many_seeds_forty_are_drawn_and_all_count() -> None:
    curves_of = [training_curve(0.9 + seed / 1e4, 10 + seed) for seed in range(101)]
    many = [record("als", seed=seed, curve=curve) for seed, curve in enumerate(curves_of)]
    table = table_of(*many)
    [trace] = traces(table)
    assert trace.shown.cell.seed == 50
    assert 30 <= len(trace.others) <= 40
    assert {0, 100} & {each.cell.seed for each in trace.others}
    assert trace.best == pytest.approx(min(point.rmse for point in curves_of[50]))
    plot = curves(table)
    assert plot is not None
    assert "more than 40 other seeds" in plot.note
