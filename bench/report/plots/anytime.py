"""Lowest validation RMSE so far against the seconds of a search, a curve per model, as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.choose.outcome import Model, Outcome
from bench.choose.recommendation import names
from bench.report.files import choice_plot_name
from bench.report.formats import title
from bench.report.markdown import escaped
from bench.report.plots.style import Plot, footer, frame, look, short, time_axis
from bench.report.sentences import hardware

AIR = 0.6
"""Above the worst model, of the models' spread: so much of the first trials is in view."""
LEAST_S = 0.1
"""What is earlier is drawn there: a process takes longer to start."""
NOTE = (
    "Seconds of process start, compilation and training of all trials so far, evaluation left out. "
    "A curve ends where the search of that model did; its marker is the lowest validation RMSE."
)


def anytime_plot(outcome: Outcome) -> Plot | None:
    """The plot; None where no trial has a result."""
    drawn = {name: model for name, model in names(outcome).items() if model.anytime}
    if not drawn:
        return None
    return Plot(
        choice_plot_name(outcome.request.name),
        f"Lowest validation RMSE so far over seconds of the search, "
        f"{escaped(title(outcome.request.dataset))}",
        NOTE,
        lambda figure: _draw(figure, outcome, drawn),
    )


def _draw(figure: Any, outcome: Outcome, drawn: dict[str, Model]) -> None:
    axes = figure.subplots()
    low, high = frame([(name, model.anytime[-1][1]) for name, model in drawn.items()], [], AIR)
    axes.set_ylim(low, high)
    ends = [model.spent.counted_s for model in drawn.values()]
    starts = [seconds for model in drawn.values() for seconds, _ in model.anytime]
    time_axis(axes, [*starts, *ends], LEAST_S, "search")
    axes.set_ylabel("lowest validation RMSE so far")
    places = list(names(outcome))
    in_order = sorted(drawn, key=lambda name: -drawn[name].anytime[-1][1])
    handles = [
        _draw_model(axes, name, drawn[name], places.index(name), places) for name in in_order
    ]
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=3.2)
    request = outcome.request
    axes.set_title(
        f"{title(request.dataset)}, {request.split}: {request.minutes:g} minutes for all models",
        loc="left",
        fontsize=10,
    )
    [record, *_] = [trial.record for model in drawn.values() for trial in model.trials]
    above = any(rmse > high for model in drawn.values() for _, rmse in model.anytime)
    foot = f" What lies above {high:.3f} is out of the frame." if above else ""
    footer(figure, f"{hardware(record)}.{foot}")


def _draw_model(axes: Any, name: str, model: Model, place: int, among: Sequence[str]) -> Any:
    """Draw the steps of one model; returns its line for the legend."""
    from matplotlib.lines import Line2D

    style = look(place, hollow=model.plan.device != "cpu")
    seconds, rmse = map(list, zip(*model.anytime, strict=True))
    best_at = seconds[-1]
    end = max(best_at, model.spent.counted_s)
    line = {key: value for key, value in style.items() if key not in ("marker", "markerfacecolor")}
    at = [max(each, LEAST_S) for each in (*seconds, end)]
    axes.plot(at, [*rmse, rmse[-1]], drawstyle="steps-post", **line)
    axes.plot(max(best_at, LEAST_S), rmse[-1], **(style | {"linestyle": "none"}))
    label = short(f"{name} {rmse[-1]:.4f}", [each for each in among if each != name])
    return Line2D([], [], label=label, **style)
