"""`python -m benchmarks.roofline`: where the time of a `.tflite` goes, and how far each layer is from the core's limit.

Two roofs are measured on the pinned core, through the same runtime: multiply-adds a second of a large 1x1 convolution,
and bytes a second of an addition over maps of the size that these models have. A layer's floor is what the lower roof
allows: its multiply-adds at the one, or its inputs, weights and outputs once at the other. Every convolution and
matrix product of the fused graph is lowered alone and measured in turns with the whole artifact, so that a busy machine
hits all alike. What their sum leaves of the whole is everything between them (additions, pooling, gates,
attention), and that a layer alone finds its weights in the cache, and in the whole has to fetch them each time.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import typer
from torch import nn
from torch.fx import Graph, GraphModule, Node

from benchmarks.entry import program
from benchmarks.models import Source
from ghostdeploy import cost
from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import stages
from ghostdeploy.device import cpus as affinity
from ghostdeploy.device import machine
from ghostdeploy.device.measuring import timed
from ghostdeploy.device.runtimes.tflite import RUNTIME
from ghostdeploy.device.worker import pin
from ghostdeploy.fusion import fuse
from ghostdeploy.graph import shape
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.photos import real_photos
from ghostdeploy.progress import Progress
from ghostdeploy.tuning import shipped
from ghostdeploy.writing import make_directory, write_whole

CONVOLUTION, PRODUCT = torch.ops.aten.conv2d.default, torch.ops.aten.linear.default
Kind = Literal["1x1", "depthwise", "other convolutions", "matrix products"]

ROUNDS = 7
ROUND_NS = 10_000_000       # runs of an artifact in a round: as many as take this long, and no fewer than 3
# The roofs. 256 channels at 56x56 are the friendliest case for any kernel; maps of 56x56x64 and 28x28x64 floats
# (0.8 and 0.2 MB) stand for what these models pass on, in the second-level cache or just outside.
# Weights come from further away: three maps of 224x224x64 are 39 MB.
PEAK, MAPS, FAR = (256, 56), ((64, 56), (64, 28)), (64, 224)
BYTES = 4


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product, `count` times in the model; `macs` and `moved` (bytes) of one."""

    kind: Kind
    title: str
    count: int
    macs: int
    moved: int


@dataclass(frozen=True)
class Roofs:
    """Multiply-adds, bytes within the caches and bytes from memory, all per nanosecond."""

    macs: float
    moved: float
    fetched: float

    def floor_ns(self, layer: Layer) -> float:
        """What the core needs for one at least."""
        return max(layer.macs / self.macs, layer.moved / self.moved)


@dataclass(frozen=True)
class Standing:
    """One model: the artifact of `size` bytes, its layers with the time of one each, and the roofs beside them."""

    model: str
    size: int
    whole_ns: float
    layers: tuple[tuple[Layer, float], ...]
    roofs: Roofs


class _Add(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x


def layers(module: GraphModule) -> Iterator[tuple[tuple[object, ...], Layer, GraphModule]]:
    """Every layer with the graph of it alone, and what makes two of them equal."""
    for node in module.graph.nodes:
        if node.op == "call_function" and node.target in (CONVOLUTION, PRODUCT):
            alone = _alone(module, node)
            counted = cost.macs(alone, torch.zeros(shape(node.all_input_nodes[0])))
            touched = [*node.all_input_nodes, node]
            moved = BYTES * sum(int(np.prod(shape(each))) for each in touched)
            key = (str(node.target), *(shape(each) for each in touched), *map(str, node.args[3:]))
            yield key, Layer(_kind(node), _title(node), 1, counted, moved), alone


def _kind(node: Node) -> Kind:
    if node.target is PRODUCT:
        return "matrix products"
    weight = shape(node.args[1])    # type: ignore[arg-type]
    groups = node.args[6] if len(node.args) > 6 else 1
    if groups == weight[0] and weight[1] == 1:
        return "depthwise"
    return "1x1" if weight[2:] == (1, 1) and groups == 1 else "other convolutions"


def _title(node: Node) -> str:
    sizes = (shape(each) for each in node.all_input_nodes[:2])
    return " by ".join("x".join(map(str, size)) for size in sizes) + " to " + "x".join(map(str, shape(node)))


def _alone(module: GraphModule, node: Node) -> GraphModule:
    graph, copies = Graph(), dict[Node, Node]()
    for source in node.all_input_nodes:
        copies[source] = graph.get_attr(str(source.target)) if source.op == "get_attr" else graph.placeholder(
            source.name)
        copies[source].meta["val"] = source.meta["val"]
    graph.output((graph.node_copy(node, lambda source: copies[source]),))
    return GraphModule(module, graph)


def measure(name: str, directory: Path, progress: Progress) -> Standing:
    """Lower the model and its layers, and time them in turns in this process, which is pinned already."""
    progress.stage(f"{name}: lower the whole and each layer")
    model = Source(name).load()
    example = torch.from_numpy(model.preprocessing.tensor(real_photos()[0].image))
    graph = fuse(model.module, example).module
    counts, kept = Counter[tuple[object, ...]](), dict[tuple[object, ...], tuple[Layer, GraphModule]]()
    for key, layer, alone in layers(graph):
        counts[key] += 1
        kept.setdefault(key, (layer, alone))
    whole = lower_tflite(graph, example, wanted=shipped("host").wanted("tflite", "fp32"), phones=False).data
    files = {"whole": whole, **_roof_files(), **{str(i): lower_tflite(alone, tuple(
        torch.rand(shape(n)) for n in alone.graph.nodes if n.op == "placeholder")).data
        for i, (_, alone) in enumerate(kept.values())}}
    progress.stage(f"{name}: {ROUNDS} rounds of {len(files)} artifacts")
    times = _times({stem: _opened(directory / f"{stem}.tflite", data) for stem, data in files.items()})
    found = tuple((Layer(layer.kind, layer.title, counts[key], layer.macs, layer.moved), times[str(i)])
                  for i, (key, (layer, _)) in enumerate(kept.items()))
    channels, size = PEAK
    moved = {s: 3 * BYTES * c * s * s / times[f"map{s}"] for c, s in (*MAPS, FAR)}
    return Standing(name, len(whole), times["whole"], found,
                    Roofs(channels**2 * size**2 / times["peak"], max(moved[s] for _, s in MAPS), moved[FAR[1]]))


def _roof_files() -> dict[str, bytes]:
    channels, size = PEAK
    modules: list[tuple[str, nn.Module, int, int]] = [("peak", nn.Conv2d(channels, channels, 1), channels, size)]
    modules += [(f"map{s}", _Add(), c, s) for c, s in (*MAPS, FAR)]
    made = {}
    for name, module, c, s in modules:
        example = torch.rand(1, c, s, s)
        made[name] = lower_tflite(fuse(module.eval(), example).module, example).data
    return made


def _opened(path: Path, data: bytes) -> Callable[[], int]:
    """One timed run of the artifact."""
    path.write_bytes(data)
    session = RUNTIME.load(path, 1)
    random = np.random.default_rng(0)
    sample = [random.random(spec.shape, np.float32) for spec in session.inputs]
    return lambda: timed(session, sample)


def _times(runs: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Median of the medians of rounds, in nanoseconds."""
    repeats = {name: max(3, round(ROUND_NS / min(run() for _ in range(5)))) for name, run in runs.items()}
    medians: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            medians[name].append(float(np.median([run() for _ in range(repeats[name])])))
    return {name: float(np.median(values)) for name, values in medians.items()}


def markdown(standings: Sequence[Standing]) -> str:
    """The roofs, then each model by kind of layer, then the layers that lose most."""
    lines = [
        "# Limits: what stands between these models and the core", "",
        "Made by `python -m benchmarks.roofline`; do not edit by hand. "
        f"{machine.describe().soc}, one thread, float32, {RUNTIME.info().name} {RUNTIME.info().version}, "
        f"{datetime.now(UTC).date().isoformat()}; random weights. A layer's *floor* is the larger of its multiply-adds "
        "at the highest rate measured and its bytes at the highest rate measured; *share* is floor over time (above "
        "100 % where the core's clock rose after the roof was measured). What is left is in no layer: additions, "
        "pooling, gates, attention, and fetching the weights, which a layer alone finds in the cache.", ""]
    for standing in standings:
        lines += _section(standing)
    return "\n".join(lines).rstrip() + "\n"


def _section(standing: Standing) -> list[str]:
    roofs, total = standing.roofs, sum(ns * layer.count for layer, ns in standing.layers)
    lines = [f"## {standing.model}", "",
             f"Whole {standing.whole_ns / 1e6:.2f} ms; roofs {roofs.macs:.1f} GMAC/s, {roofs.moved:.1f} GB/s in the "
             f"caches, {roofs.fetched:.1f} GB/s beyond.", "",
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
    return [*lines, ""]


def _row(what: str, chosen: Sequence[tuple[Layer, float]], standing: Standing) -> str:
    ns = sum(each * layer.count for layer, each in chosen)
    macs = sum(layer.macs * layer.count for layer, _ in chosen)
    floor = sum(standing.roofs.floor_ns(layer) * layer.count for layer, _ in chosen)
    return (f"| {what} | {sum(layer.count for layer, _ in chosen)} | {macs / 1e6:.1f} | {ns / 1e6:.2f} | "
            f"{ns / standing.whole_ns:.0%} | {macs / ns:.1f} | {floor / ns:.0%} |")


def roofline(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards of the zoo.")] = "ghostnetv3_100,mobilenetv2_100",
    cpus: Annotated[str, typer.Option(
        metavar="MASK", help="The core to pin to, as a hexadecimal mask; the last one by default.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")] = Path("out/limits.md"),
) -> None:
    """Measure what this core can do, and where each layer of each model stands against it."""
    cores = machine.describe().cores
    pin(affinity.choose(cpus, cores) if cpus else (cores[-1].index,))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch, stages() as progress, torch.no_grad():
        standings = []
        for name in names(models):
            place = Path(scratch) / name
            place.mkdir()
            standings.append(measure(name, place, progress))
    text = markdown(standings)
    make_directory(output.parent)
    write_whole(output, text)
    sys.stdout.write(text)


if __name__ == "__main__":
    program(roofline)
