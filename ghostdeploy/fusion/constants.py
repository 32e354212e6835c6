"""What a graph computes from its parameters alone, in float64."""

from __future__ import annotations

from typing import Any

import torch
from torch._ops import OpOverload
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from ghostdeploy import graph as graphs
from ghostdeploy.fusion.affine import F64


class Constants:
    """Values of nodes that no input reaches: parameters, and any arithmetic on them (weight standardisation, borders).

    Floating-point values are float64 from the parameter on, so that folding rounds once, at the end.
    """

    def __init__(self, module: GraphModule) -> None:
        self._module = module
        self._known: dict[Node, torch.Tensor | None] = {}

    def value(self, node: object) -> torch.Tensor | None:
        """The tensor that `node` always is, or None if it depends on the input (or is no node)."""
        if not isinstance(node, Node):
            return None
        if node.op == "get_attr":       # never kept: in float64 all weights together take twice what the model does
            stored = graphs.constant(self._module, node)
            return stored.to(F64) if stored is not None and stored.is_floating_point() else stored
        if node not in self._known:
            self._known[node] = self._evaluate(node)
        return self._known[node]

    def _evaluate(self, node: Node) -> torch.Tensor | None:
        if node.op != "call_function" or not isinstance(node.target, OpOverload) or node.target._schema.is_mutable:
            return None
        inputs = node.all_input_nodes
        if not inputs or any(self.value(n) is None for n in inputs):
            return None
        args: Any = map_arg(node.args, self.value)
        kwargs: Any = map_arg(node.kwargs, self.value)
        result = node.target(*args, **kwargs)
        return result if isinstance(result, torch.Tensor) else None
