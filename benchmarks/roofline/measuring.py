"""The measuring: the whole and each of its layers in turns, in this process; its blocks by LiteRT's profiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.fx import GraphModule

from benchmarks.models import Source
from benchmarks.roofline.layers import BYTES, Layer, layers
from benchmarks.roofline.standing import BlockStanding, Roofs, Standing
from ghostdeploy.device.measuring import timed
from ghostdeploy.device.runtimes.base import Array, Session
from ghostdeploy.device.runtimes.litert_profiler import LitertProfiler
from ghostdeploy.device.runtimes.tflite import RUNTIME
from ghostdeploy.fusion import fuse
from ghostdeploy.graph import shape
from ghostdeploy.lowering.artifact import Stretch
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.photos import real_photos
from ghostdeploy.profiling.attribution import by_block, operators
from ghostdeploy.progress import Progress
from ghostdeploy.tuning import shipped

ROUNDS = 7
PROFILED_RUNS = 50      # and as many before, to warm up
ROUND_NS = 10_000_000       # runs of an artifact in a round: as many as take this long, and no fewer than FEWEST
# The others of a round leave nothing of an artifact in the caches, so its first runs do not count: in 3 runs a round
# GhostNetV3 1.0x took 7.4 ms, and by the profiler 6.0.
UNCOUNTED, FEWEST = 2, 9
TRIES = 3       # until blocks and whole agree
# The roofs. 256 channels at 56x56 are the friendliest case for any kernel; maps of 56x56x64 and 28x28x64 floats
# (0.8 and 0.2 MB) stand for what these models pass on, in the second-level cache or just outside.
# Weights come from further away: three maps of 224x224x64 are 39 MB.
PEAK, MAPS, FAR = (256, 56), ((64, 56), (64, 28)), (64, 224)


class _Add(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x


def measure(name: str, directory: Path, progress: Progress) -> Standing:
    """Lower the model and its layers, and time them in turns in this process, which is pinned already."""
    progress.stage(f"{name}: lower the whole and each layer")
    model = Source(name).load()
    example = torch.from_numpy(model.preprocessing.tensor(real_photos()[0].image))
    graph = fuse(model.module, example).module
    counts, kept = Counter[tuple[object, ...]](), dict[tuple[object, ...], tuple[Layer, GraphModule]]()
    in_blocks: dict[str, list[Layer]] = {}
    for key, layer, alone in layers(graph):
        counts[key] += 1
        in_blocks.setdefault(layer.block, []).append(layer)
        kept.setdefault(key, (layer, alone))
    whole = lower_tflite(graph, example, wanted=shipped("host").wanted("tflite", "fp32"), phones=False)
    files = {"whole": whole.data, **_roof_files(), **{str(i): lower_tflite(alone, tuple(
        torch.rand(shape(n)) for n in alone.graph.nodes if n.op == "placeholder")).data
        for i, (_, alone) in enumerate(kept.values())}}
    runs = {stem: _opened(directory / f"{stem}.tflite", data) for stem, data in files.items()}
    for again in range(TRIES):
        progress.stage(f"{name}: {ROUNDS} rounds of {len(files)} artifacts")
        times = _times(runs)
        found = tuple((replace(layer, count=counts[key]), times[str(i)])
                      for i, (key, (layer, _)) in enumerate(kept.items()))
        progress.stage(f"{name}: its blocks, by LiteRT's profiler")
        blocks = _blocks(directory / "whole.tflite", whole.stretches, in_blocks)
        standing = Standing(name, len(whole.data), times["whole"], found, _roofs(times, found), blocks)
        if standing.steady or again + 1 == TRIES:
            break
        progress.note(f"{name}: its blocks and the whole do not add up; measured again")
    return standing


def _roofs(times: dict[str, float], layers: Sequence[tuple[Layer, float]]) -> Roofs:
    channels, size = PEAK
    # The friendliest case is a guess: the 1x1 convolutions of MobileOne-S0 were 6 % faster.
    macs = max(channels**2 * size**2 / times["peak"], *(layer.macs / ns for layer, ns in layers))
    moved = {s: 3 * BYTES * c * s * s / times[f"map{s}"] for c, s in (*MAPS, FAR)}
    return Roofs(macs, max(moved[s] for _, s in MAPS), moved[FAR[1]])


def _blocks(path: Path, stretches: Sequence[Stretch],
            in_blocks: dict[str, list[Layer]]) -> tuple[BlockStanding, ...]:
    """What each block took, and its layers."""
    ran = LitertProfiler(path, 1).measure(sample(RUNTIME.load(path, 1)), PROFILED_RUNS, PROFILED_RUNS)
    return tuple(BlockStanding(found.block, found.ms * 1e6, tuple(in_blocks.get(found.block, ())))
                 for found in by_block(stretches, operators(path), ran.parts))


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
    fed = sample(session)
    return lambda: timed(session, fed)


def sample(session: Session) -> list[Array]:
    """Random inputs of the session's shapes."""
    random = np.random.default_rng(0)
    return [random.random(spec.shape, np.float32) for spec in session.inputs]


def _times(runs: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Median of the medians of rounds, in nanoseconds."""
    repeats = {name: max(FEWEST, round(ROUND_NS / min(run() for _ in range(5)))) for name, run in runs.items()}
    medians: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            counted = [run() for _ in range(UNCOUNTED + repeats[name])][UNCOUNTED:]
            medians[name].append(float(np.median(counted)))
    return {name: float(np.median(values)) for name, values in medians.items()}
