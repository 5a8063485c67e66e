"""Who stands on the Pareto front."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from bench.report.plots.pareto import Place, _look, front, least_seconds, moved_to, pareto, places
from tests.support.records import closed_form, eight, record, table_of

LINE = table_of(record()).lines[0]


def test_a_row_stands_at_its_median_fit_and_mean_rmse_on_each_device() -> None:
    fits = ((0, 3.0, 0.90), (1, 9.0, 0.91), (2, 5.0, 0.95))
    runs = (record(seed=seed, fit_s=fit_s, rmse=rmse) for seed, fit_s, rmse in fits)
    found = places(table_of(*runs, record(device="cuda"), record("ncf", status="failed")))
    assert [place.line.name for place in found] == ["numpy_sgd@cpu", "numpy_sgd@cuda"]
    assert (found[0].seconds, round(found[0].rmse, 6)) == (5.0, 0.92)


def test_the_front_is_named_fastest_first() -> None:
    plot = pareto(table_of(*eight()))
    assert plot is not None
    assert ": global_mean, bias, embedding_mf, autorec. One run of each row has no" in plot.note


def test_a_row_that_noise_may_have_put_behind_the_front_is_named() -> None:
    [*ahead] = eight(seeds=3)
    near = [record("near.py:Near", seed=n, rmse=0.9089 + 0.0011 * n, fit_s=10.4) for n in range(3)]
    once = record("once.py:Once", rmse=0.95, fit_s=20.0)
    plot = pareto(table_of(*ahead, *near, once))
    assert plot is not None
    assert plot.note.endswith(
        ": global_mean, bias, embedding_mf, autorec. Behind it, but no row is both faster and more "
        "accurate beyond noise: near.py:Near."
    )


def test_a_row_that_is_faster_than_the_axis_begins_is_named_with_its_time() -> None:
    curves = {name: closed_form(1.0, 1e-4) for name in ("bias", "global_mean")}
    rows = [record(name, fit_s=2e-4, curve=curve) for name, curve in curves.items()]
    found = places(table_of(*rows, record(fit_s=0.5)))
    assert least_seconds(found) == 0.001
    assert moved_to(0.001, found) == "global_mean (0.000200 s), bias (0.000200 s)"
    fast = places(table_of(*rows, record(fit_s=4e-4)))
    assert least_seconds(fast) == 4e-4
    assert moved_to(1e-4, fast) == ""


def test_the_legend_distinguishes_kinds_of_rows_by_marker_and_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("bias", "peer:myfm", "own.py:Row", "a-plugin")
    on_cuda = [record(name, device="cuda") for name in ("bias", "own.py:Row")]
    table = table_of(*map(record, names), *on_cuda)
    looks = {line.name: _look(line) for line in table.lines}
    assert {name: kind for name, (kind, _) in looks.items()} == {
        "bias@cpu": "built-in",
        "bias@cuda": "built-in, on CUDA",
        "peer:myfm@cpu": "third-party library",
        "own.py:Row@cpu": "own or plugin",
        "own.py:Row@cuda": "own or plugin, on CUDA",
        "a-plugin@cpu": "own or plugin",
    }
    drawn = {kind: (look["marker"], look.get("markerfacecolor")) for kind, look in looks.values()}
    assert len({*drawn.values()}) == len(drawn) == 5
    widths = []
    save = Figure.savefig

    def saved(self: Figure, *args: Any, **options: Any) -> None:
        save(self, *args, **options)
        widths.append(self.legends[0].get_window_extent().width / self.bbox.width)

    monkeypatch.setattr(Figure, "savefig", saved)
    plot = pareto(table)
    assert plot is not None
    plot.png()
    assert widths[0] < 1


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1))
def test_the_front_is_what_nobody_beats_and_all_others_are_beaten(spots: list[tuple]) -> None:
    among = [Place(LINE, *map(float, spot)) for spot in spots]
    ahead = front(among)

    def beats(a: Place, b: Place) -> bool:
        as_good = a.seconds <= b.seconds and a.rmse <= b.rmse
        return as_good and (a.seconds, a.rmse) != (b.seconds, b.rmse)

    assert not any(beats(other, place) for place in ahead for other in among)
    assert all(place in ahead or any(beats(other, place) for other in ahead) for place in among)
    assert [place.seconds for place in ahead] == sorted({place.seconds for place in ahead})
