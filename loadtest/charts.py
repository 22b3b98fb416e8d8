"""The report's charts, as data for Plotly, in the colours of a light page; a dark one exchanges them.

Exact samples are in samples.csv: a chart draws at most a few thousand of them, the slowest among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from loadtest.results import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.run import Run
    from loadtest.samples import Floats, Samples

_DOTS = 2000
_SLOWEST = 200
_BUCKETS = 40
_BINS = 60
# A percentile's waterfall is the mean of this share of all photos, those nearest to it, and at least of five.
_AROUND = 0.01
BLUE, ORANGE, TEAL, RED, VIOLET, GREY = "#2563c9", "#c76a00", "#0b8a73", "#c43325", "#7546c9", "#6c7683"
ON_DARK = {
    BLUE: "#6ea8ff",
    ORANGE: "#f0a24a",
    TEAL: "#4cd0b3",
    RED: "#ff8577",
    VIOLET: "#b794ff",
    GREY: "#9aa6b5",
}
_STEP_COLOURS = (GREY, BLUE, VIOLET, ORANGE, TEAL, RED)


def charts(run: Run, figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each chart by the id of its place in the page; none where nothing was seen."""
    if not run.samples.is_seen.any():
        return {}
    drawn = {
        "latency": _latency(run.samples, figures),
        "distribution": _distribution(run.samples, figures),
        "waterfall": _waterfall(run.samples),
        "queue": _queue(run),
        "throughput": _throughput(run.samples),
        "generator": _generator(run),
    }
    return {name: figure.to_plotly_json() for name, figure in drawn.items()}


def _latency(samples: Samples, figures: Mapping[str, Any]) -> go.Figure:
    at, latency_ms = samples.intended[samples.is_seen], samples.latency_s * 1000
    shown = _shown(latency_ms)
    figure = go.Figure()
    figure.add_scatter(
        x=_short(at[shown]), y=_short(latency_ms[shown]), mode="markers", name="one photo",
        marker={"size": 4, "color": BLUE, "opacity": 0.45},
        hovertemplate="%{y:.0f} ms, sent at %{x:.1f} s<extra></extra>",
    )  # fmt: skip
    edges = np.linspace(0, max(float(at.max()), 0.001), _BUCKETS + 1)
    bucket = np.clip(np.digitize(at, edges) - 1, 0, _BUCKETS - 1)
    filled = np.unique(bucket)
    if len(filled) > 1:
        for cut, colour in ((50, TEAL), (99, RED)):
            line = [float(np.percentile(latency_ms[bucket == one], cut)) for one in filled]
            figure.add_scatter(
                x=_short((edges[filled] + edges[filled + 1]) / 2), y=_short(np.array(line)), name=f"p{cut}",
                line={"color": colour, "width": 2}, hovertemplate=f"p{cut} %{{y:.0f}} ms<extra></extra>",
            )  # fmt: skip
    for verdict in figures["slo"]:
        if verdict["figure"] != "lost":
            figure.add_hline(
                y=verdict["below"], line={"color": GREY, "dash": "dot", "width": 1},
                annotation={"text": verdict["objective"], "font": {"size": 11, "color": GREY}},
            )  # fmt: skip
    return _axes(figure, "intended time of sending, s", "ms until seen")


def _distribution(samples: Samples, figures: Mapping[str, Any]) -> go.Figure:
    latency_ms = samples.latency_s * 1000
    counts, edges = np.histogram(latency_ms, _BINS)
    figure = go.Figure()
    figure.add_bar(
        x=_short((edges[:-1] + edges[1:]) / 2), y=counts.tolist(), marker={"color": BLUE}, name="photos",
        width=float(edges[1] - edges[0]), hovertemplate="%{y} photos around %{x:.0f} ms<extra></extra>",
    )  # fmt: skip
    for name in ("p50", "p95", "p99"):
        figure.add_vline(x=figures["latency_ms"][name], line={"color": RED, "width": 1.5},
                         annotation={"text": name, "font": {"size": 11, "color": RED}})  # fmt: skip
    return _axes(figure, "ms from the intended time until seen", "photos")


def _waterfall(samples: Samples) -> go.Figure:
    """Return where photos around each percentile spent their time."""
    seen = np.flatnonzero(samples.is_seen & ~np.isnan(samples.committed))
    latency = (samples.seen - samples.intended)[seen]
    order = seen[np.argsort(latency)]
    around = max(5, round(len(order) * _AROUND))
    figure = go.Figure()
    groups = {}
    for name, share in (("p99", 0.99), ("p90", 0.9), ("p50", 0.5)):
        middle = round(share * (len(order) - 1)) if len(order) else 0
        groups[name] = order[max(0, middle - around // 2) : middle + around // 2 + 1]
    for (step, values), colour in zip(steps(samples).items(), _STEP_COLOURS, strict=True):
        means = [float(np.mean(values[group]) * 1000) if len(group) else 0.0 for group in groups.values()]
        figure.add_bar(
            y=list(groups), x=_short(np.array(means)), name=step, orientation="h", marker={"color": colour},
            hovertemplate=f"{step}: %{{x:.0f}} ms<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    return _axes(figure, "ms", "")


def _queue(run: Run) -> go.Figure:
    gauge = run.gauge
    figure = go.Figure()
    for values, name, colour in ((gauge.waiting, "waiting", ORANGE), (gauge.in_flight, "in flight", BLUE)):
        figure.add_scatter(
            x=_short(np.array(gauge.at)), y=values, name=name, line={"color": colour, "width": 2, "shape": "hv"},
            hovertemplate=f"%{{y}} {name}<extra></extra>",
        )  # fmt: skip
    return _axes(figure, "s", "messages")


def _throughput(samples: Samples) -> go.Figure:
    end = max(float(np.nanmax(samples.seen)), 0.001)
    edges = np.linspace(0, end, _BUCKETS + 1)
    figure = go.Figure()
    kinds = (
        (samples.intended, "intended", {"color": GREY, "dash": "dot"}),
        (samples.returned, "sent", {"color": ORANGE}),
        (samples.seen, "seen", {"color": BLUE}),
    )
    for values, name, line in kinds:
        counts, _ = np.histogram(values[~np.isnan(values)], edges)
        figure.add_scatter(
            x=_short((edges[:-1] + edges[1:]) / 2), y=_short(counts / (edges[1] - edges[0])), name=name,
            line=line | {"width": 2}, hovertemplate=f"%{{y:.0f}} {name}<extra></extra>",
        )  # fmt: skip
    return _axes(figure, "s", "photos a second")


def _generator(run: Run) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(
        x=_short(np.array(run.gauge.at)), y=_short(np.array(run.gauge.own_cpu) * 100), name="CPU, % of a core",
        line={"color": VIOLET, "width": 2}, hovertemplate="%{y:.0f} % of a core<extra></extra>",
    )  # fmt: skip
    samples = run.samples
    lag_ms = (samples.began - samples.intended) * 1000
    shown = _shown(lag_ms)
    figure.add_scatter(
        x=_short(samples.intended[shown]), y=_short(lag_ms[shown]), name="lag, ms", mode="markers",
        marker={"size": 3, "color": GREY}, hovertemplate="%{y:.0f} ms late<extra></extra>",
    )  # fmt: skip
    return _axes(figure, "s", "")


def _shown(values: Floats) -> list[int]:
    """Return the values to draw: the highest, and others evenly."""
    evenly = np.arange(0, len(values), max(1, len(values) // _DOTS))
    highest = np.argsort(values)[-_SLOWEST:]
    return sorted({*evenly.tolist(), *highest.tolist()})


def _short(values: Floats) -> list[float | None]:
    """For the page, where three decimals are plenty."""
    return [None if np.isnan(value) else round(float(value), 3) for value in values]


def _axes(figure: go.Figure, x: str, y: str) -> go.Figure:
    return figure.update_layout(
        xaxis={"title": {"text": x}, "rangemode": "tozero"}, yaxis={"title": {"text": y}, "rangemode": "tozero"}
    )
