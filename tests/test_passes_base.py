"""What `run` promises whatever the rewrite is."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.fx import GraphModule, Node

from ghostdeploy.errors import LoweringFailed
from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes import Rewrite, SplitAsSlices, run
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.trace import trace
from tests.rewriting import operators

EXAMPLE = torch.randn(1, 4, 5, 5)
aten = torch.ops.aten


class ReluAs(Rewrite):
    """Replaces relu by some other operator, right or wrong."""

    name = "relu-as"

    def __init__(self, *target_and_arguments: object) -> None:
        self.target, self.arguments = target_and_arguments[0], target_and_arguments[1:]

    def matches(self, node: Node) -> bool:
        return node.target is aten.relu.default

    def apply(self, module: GraphModule, node: Node) -> None:
        replace(node, emit(module, self.target, operand(node), *self.arguments))


def _graph() -> GraphModule:
    return trace(nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU()), EXAMPLE)


def test_a_right_rewrite_passes_the_proof_and_refreshes_shapes() -> None:
    graph = _graph()
    expected = graph(EXAMPLE)
    (outcome,) = run([ReluAs(aten.clamp.default, 0)], graph, EXAMPLE, prove=True)
    assert outcome.changed == 1
    assert torch.equal(graph(EXAMPLE), expected)
    assert all(shape(n) == (1, 3, 3, 3) for n in graph.graph.find_nodes(op="call_function", target=aten.clamp.default))


def test_a_wrong_rewrite_is_named_by_the_proof() -> None:
    with pytest.raises(LoweringFailed, match="relu-as changed the output"):
        run([ReluAs(aten.sigmoid.default)], _graph(), EXAMPLE, prove=True)


def test_a_rewrite_into_nan_is_caught() -> None:
    with pytest.raises(LoweringFailed, match="nan"):
        run([ReluAs(aten.div.Scalar, 0.0), ReluAs(aten.log.default)], _graph(), 0 * EXAMPLE + torch.nan, prove=True)


def test_a_broken_promise_is_named() -> None:
    with pytest.raises(LoweringFailed, match=r"relu-as left its promise broken: relu.* should have been rewritten"):
        run([ReluAs(aten.relu.default)], _graph(), EXAMPLE)


def test_a_copied_graph_is_independent() -> None:
    graph = trace(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), EXAMPLE)
    before = str(graph.graph), graph(EXAMPLE)
    run([ReluAs(aten.sigmoid.default), SplitAsSlices()], copy.deepcopy(graph), EXAMPLE)
    assert (str(graph.graph), operators(graph)["relu.default"]) == (before[0], 1)
    assert torch.equal(graph(EXAMPLE), before[1])
