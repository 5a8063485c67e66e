"""The charts of the page: Vega-Lite through Altair, compiled when the page is built.

The page holds the compiled Vega and its runtime alone. It fills in the data, and sets signals for
what a reader chooses: the ends of the axes, their titles and the row that is lit.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import vl_convert

UNLIT = 0.12
"""Opacity of what is not lit, while a row is."""

INK, GRID, FAINT, PAGE = "var(--ink)", "var(--grid)", "var(--muted)", "var(--page)"
"""Custom properties of page.css, so that light, dark and print share a drawing."""

HALO: dict[str, Any] = {"stroke": PAGE, "strokeWidth": 3, "fontSize": 11}
"""Of text over lines; page.css has it painted below the letters."""


def specs() -> dict[str, dict[str, Any]]:
    """Chart -> its Vega specification without data."""
    return {
        "lines": _compiled(*lines()),
        "scatter": _with_names(_compiled(*scatter())),
        "beside": _compiled(*beside()),
    }


def lines() -> list[alt.Chart]:
    """Curves over seconds, sizes or trials, the lowest layer first.

    points  {series, row, x, y, low, high, colour, shape, fill, dash, kind}; `kind` is `line`,
            `mark` (a marker of a line), `point` (a marker alone), `faint` (a line behind) or
            `behind` (a marker there)
    levels  {y, label}: lines across
    """
    level = alt.Chart(alt.NamedData("levels")).encode(y=_y())
    label = level.mark_text(align="right", baseline="bottom", dy=-2, fill=FAINT, **HALO)
    drawn = _points().encode(detail="series:N", opacity=_opacity(1))
    faint = drawn.transform_filter("datum.kind == 'faint'").encode(opacity=_opacity(0.3))
    behind = drawn.transform_filter("datum.kind == 'behind'").encode(opacity=_opacity(0.25))
    curve = drawn.transform_filter("datum.kind == 'line'").mark_line(clip=True)
    return [
        level.mark_rule(color=FAINT, strokeWidth=1, clip=True),
        faint.mark_line(strokeWidth=1, clip=True),
        _symbols(behind),
        curve.encode(strokeDash=alt.StrokeDash("dash:N", scale=None)),
        _interval(drawn, "y", "low", "high"),
        _symbols(drawn.transform_filter("datum.kind == 'mark' || datum.kind == 'point'")),
        label.encode(x=alt.X(value="width"), text="label:N"),
    ]


def scatter() -> list[alt.Chart]:
    """Rows by two of their figures, the lowest layer first.

    points  {row, name, x, xlow, xhigh, y, ylow, yhigh, colour, shape, fill}
    front   {x, y}: the corners of the Pareto front, in order
    """
    front = alt.Chart(alt.NamedData("front")).encode(x=_x(), y=_y(), order="order:Q")
    drawn = _points().encode(opacity=_opacity(1))
    return [
        front.mark_line(interpolate="step-after", color=FAINT, strokeWidth=1, clip=True),
        _interval(drawn, "x", "xlow", "xhigh"),
        _interval(drawn, "y", "ylow", "yhigh"),
        _symbols(drawn),
    ]


def beside() -> list[alt.Chart]:
    """Published figures, and those that were reproduced, a line for each.

    points  {row, name, x, low, high, published}
    """
    name = alt.Y(
        "name:N",
        sort=None,
        axis=alt.Axis(
            title=None, labelLimit=320, labelExpr="split(datum.label, '\\n')", ticks=False
        ),
    )
    base = alt.Chart(alt.NamedData("points")).encode(y=name, opacity=_opacity(1))
    ours, theirs = "var(--series-2)", "var(--series-1)"
    return [
        base.mark_rule(strokeWidth=2, color=ours).encode(x=_x("low"), x2="high:Q"),
        base.mark_point(shape="diamond", size=90, filled=False, strokeWidth=2, color=theirs).encode(
            x=_x("published")
        ),
        base.mark_point(shape="circle", size=50, filled=True, color=ours).encode(x=_x()),
    ]


def _points() -> alt.Chart:
    """In the row's colour, as the table shows it."""
    colour = alt.Color("colour:N", scale=None)
    return alt.Chart(alt.NamedData("points")).encode(colour, x=_x(), y=_y())


def _x(field: str = "x") -> alt.X:
    return alt.X(f"{field}:Q", title="x_title", scale=_scale("x"))


def _y() -> alt.Y:
    return alt.Y("y:Q", title="y_title", scale=_scale("y"))


def _scale(axis: str) -> alt.Scale:
    """Its ends are signals; the page makes it logarithmic where that is chosen."""
    return alt.Scale(
        domain=[alt.ExprRef(f"{axis}0"), alt.ExprRef(f"{axis}1")], nice=False, zero=False
    )


def _interval(chart: alt.Chart, axis: str, low: str, high: str) -> alt.Chart:
    known = chart.transform_filter(f"isValid(datum.{low}) && isValid(datum.{high})")
    ends = {axis: f"{low}:Q", f"{axis}2": f"{high}:Q"}
    drawn: alt.Chart = known.mark_rule(strokeWidth=1.5, clip=True).encode(**ends)
    return drawn


def _symbols(chart: alt.Chart) -> alt.Chart:
    shape, fill = alt.Shape("shape:N", scale=None), alt.Fill("fill:N", scale=None)
    drawn: alt.Chart = chart.mark_point(size=55, strokeWidth=1.6, clip=True).encode(shape, fill)
    return drawn


def _opacity(full: float) -> alt.OpacityValue:
    return alt.OpacityValue(alt.ExprRef(f"lit == '' || datum.row == lit ? {full} : {UNLIT}"))


def _compiled(*layers: alt.Chart) -> dict[str, Any]:
    """As Vega, with axis titles that are signals."""
    ends = [alt.param(name=f"{axis}{end}", value=end) for axis in "xy" for end in (0, 1)]
    axes: dict[str, Any] = {
        "labelColor": INK,
        "titleColor": INK,
        "tickColor": FAINT,
        "domainColor": FAINT,
    }
    chart = (
        alt.layer(*layers)
        .add_params(*ends, alt.param(name="lit", value=""))
        .properties(autosize=alt.AutoSizeParams(type="fit", contains="padding"))
        .properties(width=600, height=320)
        .configure(
            background="transparent",
            font="system-ui, sans-serif",
            axis=alt.AxisConfig(gridColor=GRID, **axes),
            view=alt.ViewConfig(stroke=None),
        )
    )
    vega: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict())
    for axis in vega["axes"]:
        if axis.get("title") in ("x_title", "y_title"):
            axis["title"] = {"signal": axis["title"]}
    titles = [{"name": f"{axis}_title", "value": ""} for axis in "xy"]
    return vega | {"signals": [*vega["signals"], *titles]}


def _with_names(vega: dict[str, Any]) -> dict[str, Any]:
    """With the name of each point where there is room for it: Vega-Lite cannot place labels."""
    [symbols] = [mark["name"] for mark in vega["marks"] if mark["type"] == "symbol"]
    beside, above = ["right", "left"], ["top", "bottom"]
    corners = [f"{end}-{side}" for end in above for side in beside]
    style = {name: {"value": value} for name, value in HALO.items()}
    names = {
        "type": "text",
        "from": {"data": symbols},
        "encode": {
            "enter": {"fill": {"value": INK}, **style},
            # Not the opacity: that of a name without room is 0.
            "update": {
                "text": {"field": "datum.name"},
                "fillOpacity": {"field": "opacity"},
                "strokeOpacity": {"field": "opacity"},
            },
        },
        "transform": [
            {
                "type": "label",
                "size": {"signal": "[width, height]"},
                "anchor": [*beside, *above, *corners],
                "offset": [5],
            }
        ],
    }
    return vega | {"marks": [*vega["marks"], names]}
