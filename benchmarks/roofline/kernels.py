"""`python -m benchmarks.roofline.kernels`: how XNNPACK's kernels stand beside ONNX Runtime's in the same model.

Both files hold the same fused graph. Both are timed as they are and profiled by their own runtimes, in turns in this
process on one pinned core; so a model that is nothing but convolutions and still loses to ONNX Runtime shows by which
of them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import onnxruntime
import torch
import typer

from benchmarks.entry import program, publish
from benchmarks.models import Source
from benchmarks.roofline.kinds import Both, Times, both, by_kind, kind_of, markdown
from benchmarks.roofline.measuring import sample
from benchmarks.roofline.pinned import on_one_core
from ghostdeploy.cli.options import names
from ghostdeploy.device import machine
from ghostdeploy.device.measuring import timed
from ghostdeploy.device.runtimes import tflite
from ghostdeploy.device.runtimes.base import Array, Session
from ghostdeploy.device.runtimes.litert_profiler import LitertProfiler
from ghostdeploy.device.runtimes.onnxruntime import RUNTIME as ONNX_RUNTIME
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.onnx import lower_onnx
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.progress import Progress
from ghostdeploy.tuning import shipped

OURS, THEIRS = "XNNPACK", "ONNX Runtime"
ROUNDS, RUNS = 7, 50
NS = 1000.0       # of a microsecond
# Where both runtimes do the same work. What stands between these is cut differently by each: SiLU is one operator of
# ONNX Runtime and two of XNNPACK, and the former reorders its maps.
SAME: Final = ("1x1 and matrix products", "depthwise", "other convolutions")
REST: Final = "all else"
PRODUCTS: Final = ("Gemm", "MatMul", "FusedMatMul", "FusedGemm")
# Those that do not lead on the machines of docs/peers*.md, and GhostNetV3 1.0x.
MODELS: Final = ("mobilenetv2_100,mnasnet_100,fbnetc_100,mobileone_s0,efficientnet_b0,mobilenetv3_large_100,"
                 "mobilevit_xs,deit_tiny_patch16_224,ghostnetv3_100")


@dataclass(frozen=True)
class Run:
    """One run in ONNX Runtime's profile: kind and microseconds of each of its nodes."""

    nodes: tuple[tuple[str, float], ...]


def measure(name: str, directory: Path, progress: Progress) -> Both:
    """Lower the model to both, and profile both in turns, in this process, which is pinned already."""
    progress.stage(f"{name}: lower to .tflite and .onnx")
    model = Source(name).load()
    size = model.preprocessing.input_size
    example = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    graph = fuse(model.module, example).module
    ours, theirs = directory / "model.tflite", directory / "model.onnx"
    ours.write_bytes(lower_tflite(graph, example, wanted=shipped("host").wanted("tflite", "fp32"), phones=False).data)
    theirs.write_bytes(lower_onnx(graph, example).data)
    progress.stage(f"{name}: {ROUNDS} rounds of both")
    sessions: dict[str, Session] = {OURS: tflite.RUNTIME.load(ours, 1), THEIRS: ONNX_RUNTIME.load(theirs, 1)}
    inputs = {OURS: sample(sessions[OURS]), THEIRS: [example.numpy()]}
    profiler = LitertProfiler(ours, 1)
    rounds: dict[str, list[Times]] = {OURS: [], THEIRS: []}
    for number in range(ROUNDS):
        wholes = {side: _whole(session, inputs[side]) for side, session in sessions.items()}
        found = profiler.measure(inputs[OURS], RUNS, RUNS)
        rounds[OURS].append((wholes[OURS], by_kind((_same(kind_of(part.name)), part.ns) for part in found.parts)))
        rounds[THEIRS].append((wholes[THEIRS], _profiled(theirs, example.numpy(), directory / f"round{number}")))
    return both(name, rounds)


def _whole(session: Session, inputs: Sequence[Array]) -> float:
    """Median of `RUNS` runs after as many others, without a profiler."""
    times = [timed(session, inputs) for _ in range(2 * RUNS)]
    return float(median(times[RUNS:]))


def _same(kind: str) -> str:
    return kind if kind in SAME else REST


def _profiled(path: Path, array: Array, log: Path) -> dict[str, float]:
    """Each kind's nanoseconds by ONNX Runtime's profiler: medians of `RUNS` runs after as many others."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_profiling, options.profile_file_prefix = True, str(log)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: array}
    for _ in range(2 * RUNS):
        session.run(None, feed)
    return of(runs(json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")))[-RUNS:])


def runs(events: Sequence[dict[str, Any]]) -> list[Run]:
    """What the events of one profile say, run by run."""
    starts = sorted(event["ts"] for event in events if event["name"] == "model_run")
    found: list[list[tuple[str, float]]] = [[] for _ in starts]
    for event in sorted(events, key=lambda event: float(event["ts"])):
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            found[bisect_right(starts, event["ts"]) - 1].append((kind_in_onnxruntime(event["args"]), event["dur"]))
    return [Run(tuple(nodes)) for nodes in found]


def kind_in_onnxruntime(node: dict[str, Any]) -> str:
    """Which of `SAME` a node of the profile is, by its operator and the shape of its second input; else `REST`."""
    if node["op_name"] in PRODUCTS:
        return SAME[0]
    if "Conv" not in node["op_name"]:
        return REST
    (weight,) = node["input_type_shape"][1].values()
    if weight[1] == 1 and weight[0] > 1 and weight[2:] != [1, 1]:
        return SAME[1]
    return SAME[0] if weight[2:] == [1, 1] else SAME[2]


def of(measured: Sequence[Run]) -> dict[str, float]:
    """Of each kind the sum of its nodes' medians over runs, in nanoseconds."""
    kinds = [kind for kind, _ in measured[0].nodes]
    times = zip(*([us for _, us in run.nodes] for run in measured), strict=True)
    return by_kind((kind, NS * median(each)) for kind, each in zip(kinds, times, strict=True))


def document(found: Sequence[Both]) -> str:
    """As Markdown."""
    return (
        "# Kernels: XNNPACK beside ONNX Runtime, float32\n\n"
        "Made by `python -m benchmarks.roofline.kernels`; do not edit by hand. "
        f"{machine.describe().soc}, one thread, our `.tflite` for the host in {tflite.RUNTIME.info().name} "
        f"{tflite.RUNTIME.info().version} beside the .onnx of the same fused graph in ONNX Runtime "
        f"{onnxruntime.__version__}, {datetime.now(UTC).date().isoformat()}; random weights. Medians of {ROUNDS} "
        "rounds in turns. The whole is timed without a profiler; its parts are what each runtime's own profiler says, "
        "which drops fractions of a microsecond of each operator, and in ONNX Runtime slows down models of many small "
        "operators: there the parts are more than the whole.\n\n" + markdown(found, above=OURS, below=THEIRS))


def kernels(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards of the zoo.")] = MODELS,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")
                      ] = Path("out/limits-kernels.md"),
) -> None:
    """Measure by which layers XNNPACK is ahead of ONNX Runtime, or behind."""
    publish(document(on_one_core(names(models), measure)), output)


if __name__ == "__main__":
    program(kernels)
