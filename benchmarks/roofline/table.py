"""Where models stand, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.roofline.layers import Layer
from benchmarks.roofline.standing import AGREE, Standing
from ghostdeploy.device import machine
from ghostdeploy.device.runtimes.tflite import RUNTIME


def markdown(standings: Sequence[Standing]) -> str:
    """The roofs, then each model by kind of layer, then the layers that lose most."""
    lines = [
        "# Limits: what stands between these models and the core", "",
        "Made by `python -m benchmarks.roofline`; do not edit by hand. "
        f"{machine.describe().soc}, one thread, float32, {RUNTIME.info().name} {RUNTIME.info().version}, "
        f"{datetime.now(UTC).date().isoformat()}; random weights. A layer's *floor* is the larger of its multiply-adds "
        "at the highest rate and its bytes at the highest rate of anything measured here; *share* is floor over "
        "time. What is left is in no layer: additions, "
        "pooling, gates, attention, what rewrites for this kind of machine change, and fetching the weights, which a "
        "layer alone finds in the cache.", ""]
    for standing in standings:
        lines += _section(standing)
    return "\n".join(lines).rstrip() + "\n"


def _section(standing: Standing) -> list[str]:
    roofs, total = standing.roofs, sum(ns * layer.count for layer, ns in standing.layers)
    lines = [f"## {standing.model}", "",
             f"Whole {standing.whole_ns / 1e6:.2f} ms{_doubt(standing)}; roofs {roofs.macs:.1f} GMAC/s, "
             f"{roofs.moved:.1f} GB/s in the caches, {roofs.fetched:.1f} GB/s beyond.", "",
             "| what | layers | MMAC | ms | of the whole | GMAC/s | share of the floor |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    for kind in dict.fromkeys(layer.kind for layer, _ in standing.layers):
        chosen = [(layer, ns) for layer, ns in standing.layers if layer.kind == kind]
        lines.append(_row(kind, chosen, standing))
    lines.append(_row("all layers", standing.layers, standing))
    rest = standing.whole_ns - total
    lines += [f"| what is left | | | {rest / 1e6:.2f} | {rest / standing.whole_ns:.0%} | | |", "",
              f"Of what is left, fetching {standing.size / 1e6:.1f} MB of weights at {roofs.fetched:.1f} GB/s takes "
              f"{standing.size / roofs.fetched / 1e6:.2f} ms.", "",
              "The five layers that lose most against their floor:", ""]
    losses = sorted(standing.layers, key=lambda each: each[0].count * (roofs.floor_ns(each[0]) - each[1]))
    lines += [f"- {layer.count} x {layer.kind}, {layer.title}: {ns / 1e3:.0f} us, floor "
              f"{roofs.floor_ns(layer) / 1e3:.0f} us" for layer, ns in losses[:5]]
    return [*lines, "", *_blocks(standing)]


def _blocks(standing: Standing) -> list[str]:
    """Every block of the model, by the path of its module."""
    if not standing.blocks:
        return []
    total = sum(block.ns for block in standing.blocks)
    lines = [f"By block, as LiteRT's profiler has it, which drops fractions of a microsecond ({total / 1e6:.2f} ms "
             "together); the floor is that of its layers:", "",
             "| block | MMAC | ms | of the whole | floor, ms | share of the floor |", "|---|---:|---:|---:|---:|---:|"]
    lines += [f"| {block.block} | {block.macs / 1e6:.1f} | {block.ns / 1e6:.2f} | {_share(block.ns, total)} | "
              f"{floor / 1e6:.2f} | {_share(floor, block.ns)} |" for block in standing.blocks
              for floor in [sum(map(standing.roofs.floor_ns, block.layers))]]
    return [*lines, ""]


def _doubt(standing: Standing) -> str:
    return "" if standing.steady else f" (**not steady**: its blocks sum to {AGREE:.0%} more or less and beyond)"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _row(what: str, chosen: Sequence[tuple[Layer, float]], standing: Standing) -> str:
    ns = sum(each * layer.count for layer, each in chosen)
    macs = sum(layer.macs * layer.count for layer, _ in chosen)
    floor = sum(standing.roofs.floor_ns(layer) * layer.count for layer, _ in chosen)
    return (f"| {what} | {sum(layer.count for layer, _ in chosen)} | {macs / 1e6:.1f} | {ns / 1e6:.2f} | "
            f"{ns / standing.whole_ns:.0%} | {macs / ns:.1f} | {floor / ns:.0%} |")
