"""Operators that no format can know."""

from __future__ import annotations

import operator

from torch._ops import OpOverload
from torch.fx import GraphModule

from ghostdeploy.errors import UnsupportedOperator


def require_aten(graph: GraphModule, backend: str) -> None:
    """Refuse custom operators before anything is lowered.

    Raises:
        UnsupportedOperator: an operator from outside of ATen, named with its node.
    """
    for node in graph.graph.nodes:
        if node.op != "call_function" or node.target is operator.getitem:
            continue
        if not (isinstance(node.target, OpOverload) and node.target.namespace == "aten"):
            raise UnsupportedOperator(f"{backend} has nothing for the operator {node.target} (node {node.name})",
                                      "it is no ATen operator, and stock runtimes register no others",
                                      "replace it by ATen operators in the model")
