"""Maximum pools whose ceil_mode changes nothing, said without it."""

from __future__ import annotations

from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class DropCeilMode(Rewrite):
    """Drops `ceil_mode` from max pools where the windows end at or before the (padded) edge, and spells stride,
    padding and dilation out.

    SqueezeNet's three pools (111, 55 and 27 pixels, 3x3, stride 2) are of that kind at 224x224; without the flag a
    writer needs no padding of -inf for them.
    """

    name = "drop-ceil-mode"

    def matches(self, node: Node) -> bool:
        """A max pool in another form than the wanted one."""
        return node.target is aten.max_pool2d.default and tuple(node.args) != self._wanted(node)

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """A window over the padded edge is what ceil_mode is for."""
        _, kernel, stride, padding, dilation, ceil_mode = self._wanted(node, argument(node, 5, False))
        for size, out, k, step, pad, gap in zip(shape(operand(node))[-2:], shape(node)[-2:],
                                                kernel, stride, padding, dilation, strict=True):
            if ceil_mode and (out - 1) * step + (k - 1) * gap + 1 > size + 2 * pad:
                return "with ceil_mode its last window reaches over the padded edge"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same pool in the plain form."""
        replace(node, emit(module, aten.max_pool2d.default, *self._wanted(node)))

    def _wanted(self, node: Node, ceil_mode: bool = False) -> tuple[Any, ...]:
        kernel = list(pair(argument(node, 1, None)))
        stride = list(pair(argument(node, 2, None) or kernel))
        padding, dilation = list(pair(argument(node, 3, 0))), list(pair(argument(node, 4, 1)))
        return operand(node), kernel, stride, padding, dilation, ceil_mode
