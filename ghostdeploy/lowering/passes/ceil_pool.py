"""Maximum pools with every argument said, and without a ceil_mode that changes nothing."""

from __future__ import annotations

from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class DropCeilMode(Rewrite):
    """Drops `ceil_mode` from max pools whose windows end at or before the padded edge, and spells stride, padding and
    dilation out (ExecuTorch's visitor reads a stride that torch leaves out when it equals the kernel).

    SqueezeNet's three pools (111, 55 and 27 pixels, 3x3, stride 2) are of that kind at 224x224; without the flag a
    writer needs no padding of -inf for them.
    """

    name = "drop-ceil-mode"

    def matches(self, node: Node) -> bool:
        """A max pool in another form than the wanted one."""
        return node.target is aten.max_pool2d.default and tuple(node.args) != _wanted(node)

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same pool in the plain form; a `ceil_mode` that does change the size stays."""
        replace(node, emit(module, aten.max_pool2d.default, *_wanted(node)))


def _wanted(node: Node) -> tuple[Any, ...]:
    kernel = pair(argument(node, 1, None))
    stride = pair(argument(node, 2, None) or kernel)
    padding, dilation = pair(argument(node, 3, 0)), pair(argument(node, 4, 1))
    before, after = shape(operand(node))[-2:], shape(node)[-2:]
    overhangs = any((out - 1) * step + (size - 1) * gap + 1 > pixels + 2 * edge for pixels, out, size, step, edge, gap
                    in zip(before, after, kernel, stride, padding, dilation, strict=True))
    return operand(node), list(kernel), list(stride), list(padding), list(dilation), overhangs
