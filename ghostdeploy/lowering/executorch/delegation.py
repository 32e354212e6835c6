"""What XNNPACK took of a lowered program, and what it left."""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

from executorch.exir.lowered_backend_module import executorch_call_delegate
from torch.fx import GraphModule, Node

from ghostdeploy.lowering.artifact import Delegation


def delegation(edge: GraphModule) -> Delegation:
    """Count a lowered edge graph.

    A node is one operator of the edge dialect: every `call_function` except the picking of a result out of a tuple and
    the call of a delegate itself. Inside, they are counted in the graph as it was handed to XNNPACK, before its own
    fusions; outside, copies and changes of shape or layout count like any other operator, although ExecuTorch elides
    some of them at run time.
    """
    outside = Counter(name(node) for node in outside_nodes(edge))
    delegates = [n for n in edge.graph.nodes if n.target is executorch_call_delegate]
    inside = sum(len(_operators(_handed_over(edge, call))) for call in delegates)
    return Delegation(len(delegates), inside, sum(outside.values()), dict(sorted(outside.items())))


def outside_nodes(edge: GraphModule) -> list[Node]:
    """The operators of a lowered edge graph that no delegate computes."""
    return [n for n in _operators(edge) if n.target is not executorch_call_delegate]


def name(node: Node) -> str:
    """An operator's name as torch spells it, such as aten.squeeze_copy.dims."""
    return getattr(node.target, "__name__", None) or str(node.target)


def _operators(graph_module: GraphModule) -> list[Node]:
    return [n for n in graph_module.graph.nodes if n.op == "call_function" and n.target is not operator.getitem]


def _handed_over(edge: GraphModule, call: Node) -> GraphModule:
    lowered: Any = getattr(edge, str(call.args[0].target))  # type: ignore[union-attr]
    module: GraphModule = lowered.original_module.graph_module
    return module
