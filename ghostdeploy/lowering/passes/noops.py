"""Operators that compute nothing: each one outside a delegate cuts the graph in two."""

from __future__ import annotations

from torch import Tensor
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, operand, replace

ALWAYS = (aten.alias.default, aten.dropout.default, aten.detach.default, aten.lift_fresh_copy.default)
SAME_SHAPE = (aten.view.default, aten.reshape.default, aten._unsafe_view.default, aten.expand.default)
COPIES = (aten.clone.default, aten.contiguous.default, aten._to_copy.default)
PADS = (aten.constant_pad_nd.default, aten.pad.default)
NEUTRAL = {aten.add.Tensor: 0, aten.sub.Tensor: 0, aten.mul.Tensor: 1, aten.div.Tensor: 1}


class DropNoops(Rewrite):
    """Removes aliases, dropout, copies that keep the strides, full-range slices, views and expands to the same shape,
    zero padding by nothing, and arithmetic with a neutral number.

    Measured in the reference prototype: GhostNetV3 1.0x has 14 `alias_copy` that ExecuTorch leaves outside; without
    them and with `ExcludeEmptyPadding` 29 delegates become 15 and the latency 0.56 of what it was.
    """

    name = "drop-noops"

    def matches(self, node: Node) -> bool:
        """Anything of the kinds above; whether it does nothing here is for `refusal`."""
        if not node.args or not isinstance(node.args[0], Node):
            return False
        if node.target in ALWAYS:
            return True
        if node.target in SAME_SHAPE:
            return shape(node) == shape(operand(node))
        if node.target is aten.slice.Tensor:
            return shape(node) == shape(operand(node)) and argument(node, 4, 1) == 1
        if node.target in PADS:
            return not any(argument(node, 1, []))
        if node.target in NEUTRAL:
            return isinstance(node.args[1], int | float) and node.args[1] == NEUTRAL[node.target]
        return node.target in COPIES

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """A copy that changes strides or dtype does something: a channel shuffle needs its contiguous clone."""
        before, after = operand(node).meta["val"], node.meta["val"]
        if not isinstance(before, Tensor) or before.dtype != after.dtype or before.shape != after.shape:
            return "its result has another dtype or shape than its operand"
        if node.target in COPIES and before.stride() != after.stride():
            return "it changes the strides, and a later view relies on them"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """Readers take the operand."""
        replace(node, operand(node))
