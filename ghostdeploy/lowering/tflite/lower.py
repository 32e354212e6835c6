"""A fused graph becomes a `.tflite`: rewrite, write every node, pack, attach metadata, ask the runtime."""

from __future__ import annotations

import importlib
from itertools import groupby
from typing import TYPE_CHECKING

from torch.fx import GraphModule, Node

from ghostdeploy import graph
from ghostdeploy.blocks import blocks
from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.artifact import Layout, Lowered, Precision, RuntimeNeed, Stretch, TensorSpec
from ghostdeploy.lowering.exactness import require_exact_forms
from ghostdeploy.lowering.passes import (
    AveragePoolAsDepthwise,
    FoldKnownValues,
    HardSigmoidAsClamp,
    NormAffineIntoLinear,
    ShuffleIntoWeights,
    SiluAsProduct,
    SplitProjection,
    WideDepthwiseAsSum,
    alternatives,
    base,
)
from ghostdeploy.lowering.site import Wanted, nowhere
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.delegation import delegation
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.int8 import INT8, INT8_ON_X86
from ghostdeploy.lowering.tflite.layout import NHWC, Order, identity
from ghostdeploy.lowering.tflite.metadata import TfliteMetadata, attach
from ghostdeploy.lowering.tflite.registry import EMITTERS
from ghostdeploy.lowering.tflite.writer import Writer
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.quantisation import FLOAT_ONLY, Calibration, required
from ghostdeploy.quantisation.kinds import Backend

if TYPE_CHECKING:
    from ghostdeploy.quantisation.sensitivity import Choice

FAMILIES = ("activations", "attention", "convolution", "elementwise", "gelu", "joining", "linear", "normalisation",
            "padding", "pooling", "reduction", "shape", "slicing", "upsample")
REWRITES: tuple[base.Rewrite, ...] = (HardSigmoidAsClamp(unit=False), NormAffineIntoLinear(), SplitProjection(),
                                       AveragePoolAsDepthwise("small"), WideDepthwiseAsSum())
# XNNPACK in TFLite 2.14 takes no AVERAGE_POOL_2D in int8. A clamp to 0..1 is free: the steps end where it does. What is
# computed of constants alone (Mobile-Former's first tokens) has no steps, so the plan has to see that it is a constant,
# as it has to see a SiLU's product.
INT8_REWRITES: tuple[base.Rewrite, ...] = (FoldKnownValues(), HardSigmoidAsClamp(unit=True), SiluAsProduct(),
                                            AveragePoolAsDepthwise("every"), WideDepthwiseAsSum())

for _family in FAMILIES:  # importing a family registers its emitters
    importlib.import_module(f"ghostdeploy.lowering.tflite.{_family}")


def lower_tflite(module: GraphModule, example: graph.Example, precision: Precision = "fp32",
                 metadata: TfliteMetadata | None = None, progress: Progress = SILENT, *,
                 wanted: Wanted = nowhere, calibration: Calibration | None = None, phones: bool = True) -> Lowered:
    """Write a fused ATen graph as a `.tflite` for XNNPACK, NHWC in memory.

    Args:
        module: functional ATen graph of static shapes, as `fuse` returns it; it is not modified.
        example: an input of shape [1, C, H, W].
        precision: `fp32`; `fp16` for weights stored in half precision (arithmetic stays float32 unless the runtime
            chooses otherwise); `int8` for weights and arithmetic in int8 between float32 inputs and outputs.
        metadata: what a client like MediaPipe must know of the model; None writes none.
        progress: told the stages.
        calibration: inputs to find the steps of int8 with, and how often answers have to stay the same.
        wanted: where to apply the rewrites that pay at some shapes only; see `ghostdeploy.tuning.Profile`.
        phones: in forms that XNNPACK takes in the TFLite 2.14 of phones already; False: as LiteRT on an x86 machine is
            fastest with.

    Raises:
        UnsupportedOperator: a node that TFLite, or this writer, has no exact form for.
        LoweringFailed: a rewrite broke its promise (a bug).
        ArtifactRejected: the runtime does not load what was written (a bug).
        UsageError: another precision, or int8 without calibration.
    """
    if precision not in ("fp32", "fp16", "int8"):
        raise UsageError(f"precision {precision} is not written to .tflite", "", "choose fp32, fp16 or int8")
    progress.stage("tflite: rewrite")
    require_exact_forms(module)
    module = graph.copy_of(module)
    outcomes = base.run((ShuffleIntoWeights(), *alternatives(wanted),
                         *(INT8_REWRITES if precision == "int8" else REWRITES)), module, example)
    int8 = None if precision != "int8" else _in_int8(
        module, required(calibration), INT8 if phones else INT8_ON_X86, progress)
    progress.stage("tflite: write")
    writer = Writer("ghostdeploy")
    inputs, outputs, stretches = _emit(Emission(
        module, writer, precision, FLOAT_ONLY if int8 is None else int8.plan, phones=phones))
    runtime = versions.minimum_runtime(writer.operators, writer.features)
    writer.metadata("min_runtime_version", runtime.encode().ljust(16, b"\0"))
    named_inputs, named_outputs = _named("input", inputs), _named("output", outputs)
    specs = _specs(writer, named_inputs), _specs(writer, named_outputs)
    if metadata is not None:
        writer.metadata(*metadata.entry(specs[0][0], specs[1][0]))
    data = writer.pack(named_inputs, named_outputs)
    data = data if metadata is None else attach(data, metadata)
    progress.stage("tflite: load")
    need = RuntimeNeed("tflite", runtime)
    return Lowered("tflite", precision, data, *specs, delegation(data), need,
                   tuple((outcome.name, outcome.changed) for outcome in outcomes), stretches, int8)


def _in_int8(module: GraphModule, calibration: Calibration, backend: Backend, progress: Progress) -> Choice:
    from ghostdeploy.quantisation.sensitivity import chosen  # takes a second to import

    progress.stage("tflite: decide the steps of int8")
    return chosen(module, calibration, backend, progress)


def _emit(e: Emission) -> tuple[list[int], list[int], tuple[Stretch, ...]]:
    """Write every node in order; returns the tensors of the inputs and of the outputs, and what belongs together."""
    inputs: list[int] = []
    outputs: list[int] = []
    owners: list[str] = []
    names = {node: block.name for block in blocks(e.module) for node in block.nodes}
    for node in e.module.graph.nodes:
        e.int8 = node in e.plan.int8
        if node.op == "placeholder":
            inputs.append(e.write(node, _boundary(node)))
        elif node.op == "output":
            results = node.args[0] if isinstance(node.args[0], list | tuple) else [node.args[0]]
            outputs = [e.read(result, _boundary(result)) for result in results]
        elif node.op == "call_function" and node.users and node not in e.absorbed:
            _emit_node(e, node)
        owner = names.get(node) or (owners[-1] if owners else "")
        owners += [owner] * (e.writer.written - len(owners))
    return inputs, outputs, tuple(Stretch(name, len(list(group))) for name, group in groupby(owners))


def _emit_node(e: Emission, node: Node) -> None:
    if e.fold(node):
        return
    emitter = EMITTERS.get(node.target)
    if emitter is None:
        raise e.refusal(node, "ghostdeploy has no exact TFLite form for this operator",
                        "export --format pte, or replace the operator in the model")
    emitter(e, node)


def _boundary(node: Node) -> Order:
    """Maps enter and leave as NHWC, anything else as the graph has it."""
    rank = len(graph.shape(node))
    return NHWC if rank == 4 else identity(rank)


def _named(stem: str, tensors: list[int]) -> dict[str, int]:
    return {stem: tensors[0]} if len(tensors) == 1 else {f"{stem}_{i}": t for i, t in enumerate(tensors)}


def _specs(writer: Writer, tensors: dict[str, int]) -> tuple[TensorSpec, ...]:
    found = []
    for name, tensor in tensors.items():
        shape = writer.shape(tensor)
        layout: Layout = "nhwc" if len(shape) == 4 else "plain"
        found.append(TensorSpec(name, shape, "float32", layout))
    return tuple(found)
