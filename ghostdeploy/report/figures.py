"""The plots of the report page, as SVG that takes its text colour from the page (light and dark) and needs no network.

Nothing here computes statistics: numbers come from results as they are.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ghostdeploy.benchmark.curve import Sustained
from ghostdeploy.benchmark.result import Result, Round
from ghostdeploy.device.base import DeviceState

# Readable on white and on near-black alike (WCAG contrast of 3 and more against both, for graphics).
COLOURS = ("#3b82f6", "#f97316", "#10a37f", "#a855f7", "#ef4444", "#0ea5b7")
# Every label and line drawn in this colour becomes the colour of the page's text.
INK = "#010203"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "text.parse_math": False, "font.family": "sans-serif", "font.size": 10,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
}
WIDTH = 7.2     # inches; the page scales it down on a phone


def distributions(results: Sequence[Result], names: Sequence[str]) -> str:
    """Each result's runs as a violin, the median of each round as a dot, and the 95 % interval as a bar."""
    with _figure("distributions", 0.7 + 0.5 * len(results)) as (axes, svg):
        for row, result in enumerate(results):
            colour = COLOURS[row % len(COLOURS)]
            # Flagged outliers would flatten all else; the plots over time show them.
            shown = [ms for r in result.rounds if r.discarded is None for ms in _ordinary(r)]
            parts = axes.violinplot([shown], [-row], orientation="horizontal", widths=0.8, showextrema=False)
            for body in parts["bodies"]:
                body.set_facecolor(colour)
                body.set_alpha(0.35)
            medians = [ns / 1e6 for ns in result.medians_ns()]
            axes.plot(medians, [-row] * len(medians), "o", ms=4, color=colour)
            axes.plot(result.summary.interval_ms, [-row - 0.3] * 2, "|-", color=INK, lw=1.2)
        axes.set_yticks([-row for row in range(len(results))], list(names))
        axes.set_xlabel("ms")
    return svg()


def over_time(result: Result, name: str, colour: str) -> str:
    """Every run of every round in the order of measuring, with what the device said in between.

    Outliers are crosses, at the upper edge where they lie beyond it.
    """
    with _figure(f"over time {name} {result.created}", 2.0) as (axes, svg):
        start, top = 0, 1.15 * max(ms for r in result.rounds for ms in _ordinary(r))
        for measured in result.rounds:
            runs = [ns / 1e6 for ns in measured.samples_ns]
            places = range(start, start + len(runs))
            shade = colour if measured.discarded is None else "#888888"
            axes.plot(places, runs, ".", ms=2.5, color=shade)
            axes.plot([start + i for i in measured.outliers], [min(runs[i], top) for i in measured.outliers], "x", ms=5,
                      color="#ef4444", clip_on=False)
            axes.axvline(start - 0.5, color=INK, lw=0.4, alpha=0.4)
            for event in _events(measured):
                axes.annotate(event, (start, 1.0), xycoords=("data", "axes fraction"), fontsize=8, color="#ef4444",
                              rotation=15)
            start += len(runs)
        axes.set_ylim(top=top)
        axes.set_ylabel("ms")
        axes.set_xlabel("run, in the order of measuring; lines part the rounds")
    return svg()


def sustained(curve: Sustained, name: str, colour: str) -> str:
    """Median and 90th percentile of each slice over the minutes; temperature and clocks where the device tells them."""
    minutes = [each.at_s / 60 for each in curve.slices]
    with _figure(f"sustained {name} {minutes[-1]}", 2.4) as (axes, svg):
        axes.plot(minutes, [each.median_ms for each in curve.slices], ".-", color=colour, label="median")
        axes.plot(minutes, [each.p90_ms for each in curve.slices], "--", lw=1, color=colour, label="p90")
        axes.set_ylabel("ms")
        axes.set_xlabel("minutes without a pause")
        states = [each.state for each in curve.slices]
        _beside(axes, minutes, [state.thermal for state in states], "°C, dotted", ":", 1.0)
        _beside(axes, minutes, [_fastest_ghz(state) for state in states], "GHz, dash-dotted", "-.", 1.12)
        axes.legend(loc="best", frameon=False)
    return svg()


def _beside(axes: Any, minutes: Sequence[float], values: Sequence[float | None], label: str, line: str,
            place: float) -> None:
    """One more curve with a scale of its own at the right edge, where there are values."""
    known = [(at, value) for at, value in zip(minutes, values, strict=True) if value is not None]
    if known:
        beside = axes.twinx()
        beside.spines.right.set(visible=True, position=("axes", place))
        beside.plot(*zip(*known, strict=True), line, color=INK)
        beside.set_ylabel(label)


def _fastest_ghz(state: DeviceState) -> float | None:
    clocks = [khz for khz in state.clocks_khz if khz is not None]
    return max(clocks) / 1e6 if clocks else None


def _events(measured: Round) -> tuple[str, ...]:
    """What happened to the device during a round: heat, clocks that were lowered, a round that does not count."""
    before, after = measured.before, measured.after
    found = []
    if before.thermal_status != after.thermal_status:
        found.append(f"thermal status {before.thermal_status} → {after.thermal_status}")
    if before.limits_khz != after.limits_khz:
        found.append("clock limits moved")
    if measured.discarded is not None:
        found.append("made again")
    return tuple(found)


@dataclass(frozen=True)
class Point:
    """A model in a plot of all of them; `hollow` where its measured value may not be quoted."""

    title: str
    family: str
    x: float
    y: float
    hollow: bool = False


def scatter(points: Sequence[Point], salt: str, across: str, up: str) -> str:
    """One dot a model, a colour a family: the paper's figure 5."""
    with _figure(salt, 3.6) as (axes, svg):
        families = list(dict.fromkeys(point.family for point in points))
        for point in points:
            colour = COLOURS[families.index(point.family) % len(COLOURS)]
            axes.plot([point.x], [point.y], "o", ms=6, color=colour, mfc="none" if point.hollow else colour)
            axes.annotate(point.title, (point.x, point.y), xytext=(5, 3), textcoords="offset points", fontsize=8)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.margins(0.15)
    return svg()


def _ordinary(measured: Round) -> list[float]:
    """The runs of a round that are no outliers, in milliseconds."""
    flagged = set(measured.outliers)
    return [ns / 1e6 for place, ns in enumerate(measured.samples_ns) if place not in flagged]


@contextmanager
def _figure(salt: str, height: float) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Axes to draw on, and what gives the SVG once they are drawn; the same content gives the same text."""
    style = {**STYLE, "svg.hashsalt": salt}
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        axes.patch.set_alpha(0)

        def svg() -> str:
            with mpl.rc_context(style):
                text = io.StringIO()
                figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
            drawn = text.getvalue()
            return drawn[drawn.index("<svg"):].replace(INK, "currentColor")

        yield axes, svg
