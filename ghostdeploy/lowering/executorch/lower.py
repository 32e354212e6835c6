"""Fused ATen graph -> .pte."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

import torch
from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower
from torch.fx import GraphModule, Node

from ghostdeploy import collector
from ghostdeploy.errors import GhostdeployError, LoweringFailed, UsageError
from ghostdeploy.graph import Example, copy_of, inputs
from ghostdeploy.heap import give_back
from ghostdeploy.lowering.artifact import CALIBRATED, HALF, Lowered, Precision, RuntimeNeed
from ghostdeploy.lowering.exactness import require_exact_forms
from ghostdeploy.lowering.executorch.delegation import delegation
from ghostdeploy.lowering.executorch.int8 import INT8
from ghostdeploy.lowering.executorch.kernels import require_kernels
from ghostdeploy.lowering.executorch.partitioner import partitioner, plugin_available, require_plugin_used
from ghostdeploy.lowering.executorch.provenance import forget
from ghostdeploy.lowering.executorch.rewrites import for_plugin, rewrites
from ghostdeploy.lowering.executorch.shortcuts import shortcuts, tested
from ghostdeploy.lowering.half import halve
from ghostdeploy.lowering.mixed import in_half, largest_in_int8
from ghostdeploy.lowering.operators import require_aten
from ghostdeploy.lowering.passes import Outcome, run
from ghostdeploy.lowering.site import Wanted, nowhere
from ghostdeploy.lowering.specs import input_specs, installed, output_specs
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.quantisation import Calibration, required
from ghostdeploy.wording import first_sentence

if TYPE_CHECKING:
    from ghostdeploy.quantisation.sensitivity import Choice


def lower_pte(graph: GraphModule, example: Example, precision: Precision = "fp32", progress: Progress = SILENT,
              *, wanted: Wanted = nowhere, plugin: bool = True, calibration: Calibration | None = None) -> Lowered:
    """Lower a functional ATen graph to an ExecuTorch program for the XNNPACK delegate.

    Args:
        graph: what `trace` or `fuse` returns; not modified.
        example: an input of the graph, NCHW float32; the program takes this shape, and this memory format, alone.
        precision: fp32; int8: weights and arithmetic in int8 between float32 inputs and outputs; mixed: in half
            precision on large maps and in int8 on small ones (`mixed`); or fp16: weights rounded to half precision and
            arithmetic in it, between float32 inputs and outputs. An fp16 file shrinks only by the linear layers:
            ExecuTorch 1.4 stores the weights of convolutions in float32 whatever their type, and refuses to load them
            in float16 ("Failed to load method forward, error: 0x:1" when its visitor was made to write them).
        calibration: inputs to find the steps of int8 with, and how often answers have to stay the same.
        wanted: where to apply the rewrites that pay at some shapes only; see `ghostdeploy.tuning.Profile`.
        plugin: write nearest 2x upsampling and casts to half precision through ExecuTorch's registries (`nearest`,
            `half_casts`). False, or an ExecuTorch whose registries are others, writes slices (same values, 0.407
            instead of 0.365 of the stock latency) and leaves the casts outside of the delegate.

    Returns:
        The .pte and what is inside. Inputs are called `input`, outputs `output`, `output_1`, ...

    Raises:
        UsageError: another precision, int8 or mixed without calibration, or mixed where no map is small, or large.
        UnsupportedOperator: neither XNNPACK nor the runtime has an operator of the graph, or it has no fp16 form.
        LoweringFailed: ExecuTorch's own lowering failed; its first sentence is the reason.
    """
    if precision not in get_args(Precision):
        raise UsageError(f"no {precision} lowering to .pte", "", f"choose from {', '.join(get_args(Precision))}")
    inputs_of_int8 = required(calibration) if precision in CALIBRATED else None
    require_aten(graph, "ExecuTorch")
    with collector.set_aside(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch and ExecuTorch; nothing that a user could act on
        ready = None
        for way in _ways(graph, plugin, precision):
            if ready is None or ready.plugin is not way.plugin:
                ready = _prepared(graph, example, precision, progress, wanted, way.plugin, inputs_of_int8)
            try:
                with shortcuts(way.shortcuts):
                    return _written(ready, example, precision, progress)
            except (GhostdeployError, KeyboardInterrupt, MemoryError):
                raise
            except Exception as error:
                failure = error
                if way.failed:
                    progress.note(f"ExecuTorch fails {way.failed} ({first_sentence(error)}); tried again without")
        raise LoweringFailed("ExecuTorch could not lower the graph", first_sentence(failure),
                             "please report it with the model's name") from failure


@dataclass(frozen=True)
class _Way:
    """With or without what ExecuTorch does not promise to take; `failed` is what to say before the next way."""

    plugin: bool
    shortcuts: bool
    failed: str


def _ways(graph: GraphModule, plugin: bool, precision: Precision) -> Iterator[_Way]:
    """The fastest first; the last one is the stock lowering."""
    useful = plugin and plugin_available() and (precision in HALF or any(map(for_plugin, graph.graph.nodes)))
    if tested():
        yield _Way(useful, True, "where its idle work is left out")
    if useful:
        yield _Way(True, False, "on a node that our plug-in writes")
    yield _Way(False, False, "")


@dataclass(frozen=True)
class _Ready:
    """A graph as XNNPACK is to run it. Ours alone: what fails on the way to it is not ExecuTorch's failure."""

    module: GraphModule
    plugin: bool
    outcomes: tuple[Outcome, ...]
    int8: Choice | None


def _prepared(graph: GraphModule, example: Example, precision: Precision, progress: Progress, wanted: Wanted,
              plugin: bool, calibration: Calibration | None) -> _Ready:
    progress.stage("rewrite the graph for XNNPACK")
    require_exact_forms(graph)
    module = copy_of(graph)
    outcomes = run(rewrites(plugin, wanted, precision), module, example)
    if precision == "fp16":
        _halve(module, example, plugin)
    int8 = None
    if calibration is not None:
        int8 = _in_int8(module, calibration, largest_in_int8(example) if precision == "mixed" else None, progress)
        module = copy_of(int8.simulation)
    if precision == "mixed":
        _halve(module, example, plugin, in_half(module, largest_in_int8(example)))
    forget(module)
    return _Ready(module, plugin, outcomes, int8)


def _written(ready: _Ready, example: Example, precision: Precision, progress: Progress) -> Lowered:
    progress.stage("partition and serialise for XNNPACK")
    takes, gives = input_specs(ready.module), output_specs(ready.module)
    program = torch.export.export(ready.module, inputs(example), strict=False)
    # Without the verifier: what decides is whether the runtime has the operator, which `require_kernels` asks of it.
    edge = to_edge_transform_and_lower(program, partitioner=[partitioner(ready.plugin)],
                                       compile_config=EdgeCompileConfig(_check_ir_validity=False))
    del program
    give_back()
    lowered = edge.exported_program().graph_module
    require_plugin_used(lowered, ready.plugin)
    require_kernels(lowered)
    counts = delegation(lowered)
    progress.stage("write the program")
    data = edge.to_executorch(ExecutorchBackendConfig()).buffer
    # ExecuTorch promises that newer runtimes read older programs, not the reverse: this version is the lowest.
    need = RuntimeNeed("executorch", installed("executorch"))
    return Lowered("pte", precision, bytes(data), takes, gives, counts, need,
                   tuple((o.name, o.changed) for o in ready.outcomes), int8=ready.int8)


def _halve(module: GraphModule, example: Example, plugin: bool, part: Collection[Node] | None = None) -> None:
    if not plugin:
        halve(module, example, part=part)
        return
    from ghostdeploy.lowering.executorch.half_casts import WIDE, converted

    halve(module, example, converted, WIDE, part)


def _in_int8(module: GraphModule, calibration: Calibration, largest: int | None, progress: Progress) -> Choice:
    """What to compute in int8: all that ExecuTorch can, or of it what makes no map of more than `largest` a side."""
    from ghostdeploy.quantisation.sensitivity import chosen  # takes a second to import

    progress.stage("decide the steps of int8")
    half = frozenset[Node]() if largest is None else in_half(module, largest)
    if largest is not None and not half:
        raise UsageError("there is nothing to be computed in half precision",
                         f"no map is larger than {largest} pixels a side", "export with --precision int8")
    backend = replace(INT8, takes=lambda node: node not in half and INT8.takes(node))
    found = chosen(module, calibration, backend, progress)
    if half and not found.plan.int8:
        raise UsageError("nothing is left to be computed in int8",
                         f"no map behind the large ones is {largest} pixels a side or smaller",
                         "export with --precision fp16")
    return found
