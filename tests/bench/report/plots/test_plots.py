"""The plots' bytes and frames. How they look was judged by eye."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from bench.report.plots.traces import traces
from PIL import Image

from bench.records import Record
from bench.report.grouping import tables
from bench.report.plots.curves import AIR, curves
from bench.report.plots.pareto import pareto
from bench.report.plots.style import COLOURS, DASHES, MADE_BY, MARKERS, frame
from bench.report.rows import Row, Table
from tests.support.records import (
    closed_form,
    data,
    eight,
    epoch_budgets,
    record,
    training_curve,
)

Plot = Callable[[Table], bytes | None]
both = pytest.mark.parametrize("plot", [curves, pareto])


def table_of(*records: Record) -> Table:
    [table] = tables(records)
    return table


def bests(table: Table) -> list[tuple[str, float]]:
    return [(trace.implementation, trace.best) for trace in traces(table)]


@both
def test_the_same_records_give_the_same_bytes_whatever_the_users_settings(plot: Plot) -> None:
    import matplotlib as mpl

    table = table_of(*eight(), epoch_budgets("peer:cornac_mf"))
    first = plot(table)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert plot(table) == first
    assert Image.open(io.BytesIO(first or b"")).info["Software"] == MADE_BY


@both
@pytest.mark.filterwarnings("error")
def test_odd_names_times_and_levels_are_drawn(plot: Plot) -> None:
    drawn = plot(
        table_of(
            record("_own.py:A$\\frac$", curve=closed_form(0.95, 0.0)),
            record("ncf", status="timeout", curve=training_curve(0.9, 2.0), goals=(0.9, 0.9001)),
            record("ncf", device="cuda", data=data(floor=0.9, note="A note $5 < $6. " * 12)),
        )
    )
    assert drawn is not None


def test_without_curves_there_is_no_plot() -> None:
    assert curves(table_of(record(status="failed"), record("ncf", curve=[]))) is None


def test_with_figures_of_one_row_there_is_no_pareto_plot() -> None:
    assert pareto(table_of(record("ncf", status="failed"), record())) is None


def test_the_seed_with_the_median_fit_is_shown() -> None:
    [trace] = traces(table_of(*(record(seed=n, fit_s=s) for n, s in enumerate((9.0, 3.0, 5.0)))))
    assert trace.shown.cell.seed == 2
    assert sorted(record.cell.seed for record in trace.others) == [0, 1]


def test_full_fits_are_markers_without_a_line_and_even_one_is_no_closed_form() -> None:
    made = epoch_budgets("peer:cornac_mf")
    drawn = {
        curves(table_of(made.model_copy(update={"epoch_budgets": it}))) for it in (True, False)
    }
    assert len(drawn) == 2
    [trace] = traces(table_of(made.model_copy(update={"curve": made.curve[:1]})))
    assert not trace.closed_form


def test_a_library_has_a_marker_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(record(), epoch_budgets("peer:cornac_mf"))
    assert [row.is_peer for row in table.rows] == [False, True]
    apart = pareto(table)
    monkeypatch.setattr(Row, "is_peer", False)
    assert pareto(table) != apart


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
