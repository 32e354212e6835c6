"""Global average pooling, said in the one way that XNNPACK takes: a mean over height and width that keeps both."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, pair, shape
from ghostdeploy.lowering.passes.adaptive_pool import ADAPTIVE
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class KeepdimMean(Rewrite):
    """`adaptive_avg_pool2d(1)` and `mean((2, 3))` become `mean((2, 3), keepdim=True)`, with a view where the axes go.

    `mean.dim` is only delegated with `keepdim=True` over the last two axes of a 4-D tensor. Measured in the reference
    prototype: MnasNet from 2 delegates to 1, ShuffleNetV2 (with `SplitAsSlices`) from 15 to 1 and 0.94 of its latency.
    """

    name = "keepdim-mean"

    def matches(self, node: Node) -> bool:
        """A mean over exactly height and width of a map, in another form than the wanted one."""
        if node.target not in (*ADAPTIVE, aten.mean.dim) or len(shape(operand(node))) != 4:
            return False
        if node.target is not aten.mean.dim:
            return pair(argument(node, 1, None)) == (1, 1)
        return self._axes(node) == [2, 3] and not (argument(node, 2, False) and argument(node, 1, None) == [2, 3])

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """A mean in another dtype than its operand's is another operator."""
        if node.kwargs.get("dtype") is not None:
            return "it computes the mean in a dtype of its own"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """Mean that keeps its axes, then the shape the readers expect."""
        mean = emit(module, aten.mean.dim, operand(node), [2, 3], True)
        if shape(mean) != shape(node):
            mean = emit(module, aten.view.default, mean, list(shape(node)))
        replace(node, mean)

    def _axes(self, node: Node) -> list[int]:
        return sorted(axis % 4 for axis in argument(node, 1, range(4)))
