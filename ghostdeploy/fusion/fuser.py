"""`fuse`: trace, read, hoist, plan, write back, prove. Each step is a file beside this one."""

from __future__ import annotations

import operator
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch._ops import OpOverload
from torch.fx import GraphModule, Node

from ghostdeploy import collector
from ghostdeploy import graph as graphs
from ghostdeploy.fusion.account import Ledger, count
from ghostdeploy.fusion.constants import Constants
from ghostdeploy.fusion.emit import emit, overflow, round_constants
from ghostdeploy.fusion.hoist import hoist
from ghostdeploy.fusion.plan import plan_all
from ghostdeploy.fusion.proof import NOT_MEASURED, Exact, prove, prove_algebra
from ghostdeploy.fusion.read import Reader
from ghostdeploy.fusion.report import FusionReport, Left, Merged
from ghostdeploy.heap import give_back
from ghostdeploy.late_code import late_code
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.trace import trace


@dataclass(frozen=True)
class Fused:
    """A fused graph, callable like the original, and what was done to it."""

    module: GraphModule
    report: FusionReport


@collector.set_aside()
def fuse(module: nn.Module | GraphModule, example: torch.Tensor, *, verify: bool = True,
         progress: Progress = SILENT) -> Fused:
    """Fuse re-parameterised branches and fold every BatchNorm of a model, in float64, and prove the result.

    Args:
        module: any module of one tensor argument, or the graph that `trace` made of one; never modified.
        example: an input of the wanted shape, batch first; the fused graph is for this shape.
        verify: measure the fused graph against the original in float64 (`proof.prove` says how).

    Returns:
        The fused graph (same conventions as `trace`) and the report.

    Raises:
        ExportFailed, InputSizeRejected: see `ghostdeploy.trace.trace`.
        FusionInexact: the proof failed; the text names the first node at which the graphs depart.
    """
    start = time.perf_counter()
    progress.stage("trace the graph")
    original = module if isinstance(module, GraphModule) and _is_traced(module) else trace(module, example)
    give_back()
    progress.stage("fuse branches and fold BatchNorm")
    fused, merged, left = _fused(original)
    give_back()
    progress.stage("prove the fusion")
    exact = Exact(original, example)
    if verify:
        prove_algebra(exact, fused)
    round_constants(fused)
    measured = prove(exact, fused) if verify else NOT_MEASURED
    give_back()
    before, after = count(original), count(fused)
    return Fused(fused, FusionReport(before.convs, after.convs, before.norms, after.norms, merged, left,
                                     measured.rel_error, measured.noise, measured.inputs, time.perf_counter() - start))


def _is_traced(module: GraphModule) -> bool:
    """Is it a graph of ATen operators with shapes, rather than one of modules and Python functions?"""
    return all(n.op in ("placeholder", "get_attr", "output") or (n.op == "call_function" and "val" in n.meta and (
        isinstance(n.target, OpOverload) or n.target is operator.getitem)) for n in module.graph.nodes)


def _fused(original: GraphModule) -> tuple[GraphModule, tuple[Merged, ...], tuple[Left, ...]]:
    """A fused copy of a graph, its new constants still in float64, and the account of it.

    The reader's float64 branches end with this function: 130 MiB for GhostNetV3 1.6x, which the proof can use.
    """
    with late_code():                                       # `clean` compiles it, once it is whole
        module = graphs.copy_of(original)
    constants = Constants(module)
    reader = Reader(module, constants)
    while (hoisted := hoist(module, reader)).moved:         # a norm moved may be what the next one moves into
        reader = Reader(module, constants)
    plans, kept = plan_all(module, reader)
    ledger = Ledger(reader, hoisted.stuck, kept)
    written: dict[Node, Node] = {}
    for plan in plans.values():
        too_large = overflow(plan)
        if too_large is not None:
            ledger.refuse(plan, too_large)
            continue
        node = emit(module, plan, written)
        ledger.enter(plan, node)                # names the readers, so before they move
        plan.node.replace_all_uses_with(node, propagate_meta=False)
        written[plan.node] = node
    graphs.clean(module)
    return module, *ledger.close(module)
