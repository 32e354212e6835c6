"""Adaptive average pools whose windows all have one size, as plain pools."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace

ADAPTIVE = (aten.adaptive_avg_pool2d.default, aten._adaptive_avg_pool2d.default)


class AdaptivePoolAsPool(Rewrite):
    """`adaptive_avg_pool2d` to a size that divides its operand's becomes `avg_pool2d`. Neither XNNPACK nor TFLite knows
    adaptive pools; a pool to 1x1 is for `KeepdimMean`, which runs before."""

    name = "adaptive-pool-as-pool"

    def matches(self, node: Node) -> bool:
        """An adaptive average pool."""
        return node.target in ADAPTIVE

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Windows of different sizes are no plain pool."""
        before, after = shape(operand(node))[-2:], pair(argument(node, 1, None))
        if any(size % out for size, out in zip(before, after, strict=True)):
            return f"{before[0]}x{before[1]} does not divide into {after[0]}x{after[1]} windows of one size"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """Kernel and stride are the quotient."""
        (height, width), (rows, columns) = shape(operand(node))[-2:], pair(argument(node, 1, None))
        kernel = [height // rows, width // columns]
        replace(node, emit(module, aten.avg_pool2d.default, operand(node), kernel, kernel, [0, 0], False, False))
