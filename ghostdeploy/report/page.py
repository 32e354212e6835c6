"""The report: one HTML page that carries everything it shows and asks the network for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ghostdeploy.benchmark.assembly import KB_PER_MB
from ghostdeploy.benchmark.result import Result
from ghostdeploy.report import figures, where
from ghostdeploy.report.app_size import app_size
from ghostdeploy.report.figures import Point
from ghostdeploy.report.naming import milliseconds, names_of
from ghostdeploy.report.published import Standing, standings
from ghostdeploy.version import VERSION

FEWEST = 2      # models in a plot of models: one dot says nothing


@dataclass(frozen=True)
class Plot:
    """A figure of the page."""

    identity: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Row:
    """A result with the name that tells it from the others."""

    name: str
    device: str
    result: Result


def page(results: Sequence[Result]) -> str:
    """The page as text. Numbers in it are the results' own; `data-value` holds them unrounded."""
    rows = _rows(results)
    models, devices = standings(results), list(dict.fromkeys(row.device for row in rows))
    environment = Environment(loader=PackageLoader("ghostdeploy.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters["ms"] = milliseconds
    formats = dict.fromkeys(result.model.format for result in results)
    return environment.get_template("page.html.j2").render(
        rows=rows, devices=devices, models=models, kb_per_mb=KB_PER_MB,
        app_sizes=[added for format in formats if (added := app_size(format)) is not None],
        profiles=[table for device in devices for table in _profiles(rows, device, alone=len(devices) == 1)],
        plots=[*_of_results(rows), *_of_models(models, devices)], version=VERSION,
        made=datetime.now(UTC).isoformat(timespec="minutes"), data=_data(results))


def _profiles(rows: Sequence[Row], device: str, *, alone: bool) -> Iterator[where.Table]:
    own = [row for row in rows if row.device == device]
    for table in where.tables([row.result for row in own], [row.name for row in own]):
        yield table if alone else replace(table, title=f"{table.title}, on {device}")


def _of_results(rows: Sequence[Row]) -> Iterator[Plot]:
    """Emulated times are no latencies, and are not drawn."""
    real = [row for row in rows if not row.result.device.emulated]
    if real:
        yield _plot("distributions", "Every run that counts, but for flagged outliers; dots are the medians of rounds, "
                    "bars the 95 % interval of the headline.",
                    figures.distributions([row.result for row in real], _labels(real)))
    for number, row in enumerate(real):
        colour = figures.COLOURS[number % len(figures.COLOURS)]
        yield _plot(f"time-{number}", f"{row.name} on {row.device}: every run, in order; crosses are outliers, at "
                    "the upper edge where they lie beyond it.",
                    figures.over_time(row.result, row.name, colour))
        curve = row.result.sustained
        if curve is not None:
            early = "" if curve.ended is None else f" It ended early: {curve.ended}."
            yield _plot(f"sustained-{number}", f"{row.name} on {row.device}, without a pause: {curve.start_per_s:.1f} "
                        f"inferences a second at the start, {curve.end_per_s:.1f} at the end.{early}",
                        figures.sustained(curve, row.name, colour))


def _labels(rows: Sequence[Row]) -> list[str]:
    """Names, with the device below where there are several."""
    alone = len({row.device for row in rows}) == 1
    return [row.name if alone else f"{row.name}\n{row.device}" for row in rows]


def _of_models(models: Sequence[Standing], devices: Sequence[str]) -> Iterator[Plot]:
    """The paper's figure 5: for each device accuracy and multiply-adds against latency, and once against each other."""
    for number, device in enumerate(devices):
        timed = [(model, found) for model in models if (found := model.lowest(device)) is not None]
        told = f"our lowest fp32 latency, one thread, on {device}; hollow where it may not be quoted."
        named = [(model, model.top1, found) for model, found in timed if model.top1]
        if len(named) >= FEWEST:
            yield _plot(f"accuracy-latency-{number}", f"Published accuracy against {told}", figures.scatter(
                [Point(m.title, m.family, found.ms, top1.value, not found.valid) for m, top1, found in named],
                f"accuracy latency {device}", "ms, measured", "top-1 %, published"))
        if len(timed) >= FEWEST:
            yield _plot(f"flops-latency-{number}", f"Multiply-adds at 224x224 against {told}", figures.scatter(
                [Point(m.title, m.family, found.ms, m.macs / 1e6, not found.valid) for m, found in timed],
                f"flops latency {device}", "ms, measured", "million multiply-adds"))
    known = [(model, model.top1) for model in models if model.top1]
    if len(known) >= FEWEST:
        yield _plot("accuracy-flops", "Published accuracy against multiply-adds, computed at 224x224.",
                    figures.scatter([Point(m.title, m.family, m.macs / 1e6, top1.value) for m, top1 in known],
                                    "accuracy flops", "million multiply-adds", "top-1 %, published"))


def _plot(identity: str, caption: str, svg: str) -> Plot:
    return Plot(identity, caption, Markup(svg))     # noqa: S704 (matplotlib escapes the texts in it)


def _rows(results: Sequence[Result]) -> list[Row]:
    """In the order of the results; names tell those of one device apart."""
    rows: dict[int, Row] = {}
    for device in dict.fromkeys(result.device.title for result in results):
        own = [(place, result) for place, result in enumerate(results) if result.device.title == device]
        names = names_of([result for _, result in own])
        rows |= {place: Row(name, device, result) for (place, result), name in zip(own, names, strict=True)}
    return [rows[place] for place in range(len(results))]


def _data(results: Sequence[Result]) -> Markup:
    """Everything but the samples, as JSON that no text in it can end ("</script>")."""
    documents: list[dict[str, Any]] = []
    for result in results:
        document = result.document()
        document["rounds"] = [{**measured, "samples_ns": []} for measured in document["rounds"]]
        documents.append(document)
    text = json.dumps(documents, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))         # noqa: S704
