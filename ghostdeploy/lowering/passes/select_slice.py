"""Picking one index of an axis, as a slice and a view."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class SelectAsSlice(Rewrite):
    """Writes `select` as a slice of one and a reshape: XNNPACK takes both and no select. DeiT-tiny picks its class
    token so, the one hole besides its layer norms."""

    name = "select-as-slice"

    def matches(self, node: Node) -> bool:
        """Every select."""
        return node.target is aten.select.int

    def apply(self, module: GraphModule, node: Node) -> None:
        """The slice at that index, without its axis."""
        before = shape(operand(node))
        axis = argument(node, 1, None) % len(before)
        index = argument(node, 2, None) % before[axis]
        part = emit(module, aten.slice.Tensor, operand(node), axis, index, index + 1)
        replace(node, emit(module, aten.reshape.default, part, list(shape(node))))
