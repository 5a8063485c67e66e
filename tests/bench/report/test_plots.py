"""The plot's bytes and frame. How it looks was judged by eye."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bench.records import Record
from bench.report.assembly import tables
from bench.report.plots import COLOURS, DASHES, MADE_BY, MARKERS, plot
from bench.report.rows import Table
from bench.report.traces import frame, traces
from tests.bench.report.factory import closed_form, data, eight, record, training_curve


def table_of(*records: Record) -> Table:
    [table] = tables(records)
    return table


def test_the_same_records_give_the_same_bytes_whatever_the_users_settings() -> None:
    import matplotlib as mpl

    table = table_of(*eight())
    first = plot(table)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert plot(table) == first
    assert Image.open(io.BytesIO(first or b"")).info["Software"] == MADE_BY


@pytest.mark.filterwarnings("error")
def test_odd_names_times_and_levels_are_drawn() -> None:
    drawn = plot(
        table_of(
            record("_own.py:A$\\frac$", curve=closed_form(0.95, 0.0)),
            record("ncf", status="timeout", curve=training_curve(0.9, 2.0), targets=(0.9, 0.9001)),
            record("ncf", device="cuda", data=data(floor=0.9, note="A note $5 < $6. " * 12)),
        )
    )
    assert drawn is not None


def test_without_curves_there_is_no_plot() -> None:
    assert plot(table_of(record(status="failed"), record("ncf", curve=[]))) is None


def test_the_seed_with_the_median_fit_is_shown() -> None:
    [trace] = traces(table_of(*(record(seed=n, fit_s=s) for n, s in enumerate((9.0, 3.0, 5.0)))))
    assert trace.shown.cell.seed == 2
    assert sorted(record.cell.seed for record in trace.others) == [0, 1]


def test_rows_lie_in_frame_and_first_epochs_and_global_mean_do_not_set_it() -> None:
    drawn = traces(table_of(*eight()))
    low, high = frame(drawn, [0.946, 0.900])
    assert all(low < trace.best < high for trace in drawn if trace.label != "global_mean")
    assert low < 0.900
    assert 0.946 < high < 1.0


def test_a_model_worse_than_global_mean_does_not_squeeze_the_others() -> None:
    bad = record("own", curve=training_curve(1.5, 5.0, start=3.0))
    assert frame(traces(table_of(*eight(), bad)), [])[1] < 1.0


def test_baselines_alone_have_a_frame() -> None:
    low, high = frame(traces(table_of(record("global_mean", curve=closed_form(1.1, 1.0)))), [])
    assert low < 1.1 < high


def test_no_two_of_sixty_rows_look_alike_even_without_colour() -> None:
    looks = {(n % len(MARKERS), n % len(DASHES)) for n in range(44)}
    assert len(looks) == 44
    assert len({(n % len(COLOURS), *look) for n, look in enumerate(sorted(looks))}) == 44
