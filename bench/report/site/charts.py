"""The charts of the page: Vega-Lite through Altair, compiled when the page is built.

The page holds the compiled Vega and its runtime alone. It fills in the data, and sets signals for
what a reader chooses: the ends of the axes, their titles and the row that is lit.
"""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import vl_convert

LEAST_OPACITY = 0.12
"""Of what is not lit, while a row is."""

INK, GRID, FAINT, PAGE = "var(--ink)", "var(--grid)", "var(--muted)", "var(--page)"
"""Custom properties of page.css, so that light, dark and print share a drawing."""


def specs() -> dict[str, dict[str, Any]]:
    """Chart -> its Vega specification without data."""
    return {
        "lines": _compiled(lines()),
        "scatter": _with_names(_compiled(scatter())),
        "beside": _compiled(beside()),
    }


def lines() -> alt.LayerChart:
    """Curves over seconds, sizes or trials.

    points  {series, row, x, y, low, high, colour, shape, dash, kind}; `kind` is `line`, `mark`
            (a marker of a line), `point` (a marker alone), `faint` (a line behind) or `behind` (a
            marker there)
    levels  {y, label}: lines across
    """
    base = alt.Chart(alt.NamedData("points")).encode(x=_axis("x"), y=_axis("y"), detail="series:N")
    drawn = base.encode(colour(), opacity=_opacity(1))
    dash = alt.StrokeDash("dash:N", scale=None)
    rule, *names = _levels()
    faint = drawn.transform_filter("datum.kind == 'faint'").encode(opacity=_opacity(0.3))
    return alt.layer(
        rule,
        faint.mark_line(strokeWidth=1, clip=True),
        _symbols(drawn.transform_filter("datum.kind == 'behind'").encode(opacity=_opacity(0.25))),
        drawn.transform_filter("datum.kind == 'line'").mark_line(clip=True).encode(strokeDash=dash),
        _interval(drawn, "y", "low", "high"),
        _symbols(drawn.transform_filter("datum.kind == 'mark' || datum.kind == 'point'")),
        *names,
    ).add_params(*_params())


def scatter() -> alt.LayerChart:
    """Rows by two of their figures.

    points  {row, name, x, xlow, xhigh, y, ylow, yhigh, colour, shape, fill}
    front   {x, y}: the corners of the Pareto front, in order
    """
    base = alt.Chart(alt.NamedData("points")).encode(x=_axis("x"), y=_axis("y"))
    drawn = base.encode(colour(), opacity=_opacity(1))
    front = (
        alt.Chart(alt.NamedData("front"))
        .mark_line(interpolate="step-after", color=FAINT, strokeWidth=1, clip=True)
        .encode(x=_axis("x"), y=_axis("y"))
    )
    return alt.layer(
        front,
        _interval(drawn, "x", "xlow", "xhigh"),
        _interval(drawn, "y", "ylow", "yhigh"),
        _symbols(drawn),
    ).add_params(*_params())


def beside() -> alt.LayerChart:
    """Published figures, and those that were reproduced, a line for each.

    points  {row, name, x, low, high, published}
    """
    base = alt.Chart(alt.NamedData("points")).encode(
        y=alt.Y("name:N", sort=None, axis=alt.Axis(title=None, labelLimit=320, ticks=False))
    )
    ours = base.encode(x=_axis("x"), opacity=_opacity(1))
    return alt.layer(
        ours.mark_rule(strokeWidth=2, color="var(--series-1)").encode(x="low:Q", x2="high:Q"),
        base.mark_point(
            shape="diamond", size=80, filled=False, strokeWidth=2, color="var(--series-2)"
        ).encode(x="published:Q", opacity=_opacity(1)),
        ours.mark_point(shape="circle", size=60, filled=True, color="var(--series-1)"),
    ).add_params(*_params())


def colour() -> alt.Color:
    """Of the row, as the table shows it."""
    return alt.Color("colour:N", scale=None)


def _axis(channel: str) -> alt.X | alt.Y:
    """Its ends are signals; the page sets its title, and makes it logarithmic."""
    kind = alt.X if channel == "x" else alt.Y
    ends = [alt.ExprRef(f"{channel}0"), alt.ExprRef(f"{channel}1")]
    return kind(
        f"{channel}:Q",
        title=f"{channel}_title",
        scale=alt.Scale(domain=ends, nice=False, zero=False),
    )


def _interval(chart: alt.Chart, channel: str, low: str, high: str) -> alt.Chart:
    return (
        chart.transform_filter(f"isValid(datum.{low}) && isValid(datum.{high})")
        .mark_rule(strokeWidth=1.5, clip=True)
        .encode(**{channel: f"{low}:Q", f"{channel}2": f"{high}:Q"})
    )


def _symbols(chart: alt.Chart) -> alt.Chart:
    return chart.mark_point(size=55, strokeWidth=1.6, clip=True).encode(
        shape=alt.Shape("shape:N", scale=None), fill=alt.Fill("fill:N", scale=None)
    )


def _levels() -> tuple[alt.Chart, alt.Chart, alt.Chart]:
    base = alt.Chart(alt.NamedData("levels")).encode(y=_axis("y"))
    rule = base.mark_rule(color=FAINT, strokeWidth=1, clip=True)
    named = base.encode(x=alt.XValue("width"), text="label:N")
    place: dict[str, Any] = {"align": "right", "baseline": "bottom", "fontSize": 11, "dy": -2}
    halo = named.mark_text(**place, stroke=PAGE, strokeWidth=4, strokeJoin="round")
    return rule, halo, named.mark_text(**place, color=FAINT)


def _opacity(full: float) -> alt.OpacityValue:
    return alt.OpacityValue(
        alt.ExprRef(f"lit == '' || datum.row == lit ? {full} : {LEAST_OPACITY}")
    )


def _params() -> list[alt.Parameter]:
    ends = [alt.param(name=f"{axis}{end}", value=end) for axis in "xy" for end in (0, 1)]
    return [*ends, alt.param(name="lit", value="")]


def _compiled(chart: alt.LayerChart) -> dict[str, Any]:
    """As Vega, with axis titles that are signals."""
    sized = chart.properties(width=600, height=320).configure(
        background="transparent",
        font="system-ui, sans-serif",
        axis=alt.AxisConfig(
            labelColor=INK, titleColor=INK, tickColor=FAINT, domainColor=FAINT, gridColor=GRID
        ),
        view=alt.ViewConfig(stroke=None),
    )
    spec = sized.properties(autosize=alt.AutoSizeParams(type="fit", contains="padding")).to_dict(
        validate=False
    )
    vega: dict[str, Any] = vl_convert.vegalite_to_vega(spec)
    for axis in vega["axes"]:
        if axis.get("title", "") in ("x_title", "y_title"):
            axis["title"] = {"signal": axis["title"]}
    vega["signals"] = [
        *vega.get("signals", []),
        *({"name": f"{axis}_title", "value": ""} for axis in "xy"),
    ]
    return json.loads(json.dumps(vega))


def _with_names(vega: dict[str, Any]) -> dict[str, Any]:
    """With the name of each point where there is room for it: Vega-Lite cannot place labels."""
    [symbols] = [mark["name"] for mark in vega["marks"] if mark["type"] == "symbol"]
    names = {
        "type": "text",
        "from": {"data": symbols},
        "encode": {
            "enter": {"text": {"field": "datum.name"}, "fill": {"value": INK}},
            "update": {"fontSize": {"value": 11}, "opacity": {"field": "opacity"}},
        },
        "transform": [
            {
                "type": "label",
                "size": {"signal": "[width, height]"},
                "anchor": [
                    "right",
                    "left",
                    "top",
                    "bottom",
                    "top-right",
                    "bottom-right",
                    "top-left",
                    "bottom-left",
                ],
                "offset": [5],
                "avoidMarks": [mark["name"] for mark in vega["marks"] if mark["type"] != "symbol"],
            }
        ],
    }
    return vega | {"marks": [*vega["marks"], names]}
