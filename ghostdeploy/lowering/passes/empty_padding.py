"""Average pools, said in the one way that XNNPACK's partitioner accepts."""

from __future__ import annotations

from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class ExcludeEmptyPadding(Rewrite):
    """Sets `count_include_pad=False` on average pools whose padding is 0, where it means nothing, spells every argument
    out, and drops a `ceil_mode` that makes no difference to the size.

    ExecuTorch refuses `count_include_pad=True`, the default, whatever the padding is ("zero-padding in the averaging
    calculation is not supported", seen only with partitioner logging), and fails on a stride that is left out
    ("ValueError: not enough values to unpack (expected 2, got 0)"). Measured in the reference prototype: 14 holes in
    GhostNetV3 1.0x, half of its latency.
    """

    name = "exclude-empty-padding"

    def matches(self, node: Node) -> bool:
        """An average pool that is not yet in the accepted form."""
        return node.target is aten.avg_pool2d.default and tuple(node.args) != _wanted(node)

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """A window that reaches over the edge (`ceil_mode`) or another divisor is another operator."""
        if argument(node, 6, None) is not None:
            return "it divides by a number of its own"
        _, kernels, strides, padding, *_ = _wanted(node)
        before, after = shape(operand(node))[-2:], shape(node)[-2:]
        for size, out, kernel, step, edge in zip(before, after, kernels, strides, padding, strict=True):
            if (out - 1) * step + kernel > size + 2 * edge:
                return "with ceil_mode its last window reaches over the edge"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same pool in the accepted form."""
        replace(node, emit(module, aten.avg_pool2d.default, *_wanted(node)))


def _wanted(node: Node) -> tuple[Any, ...]:
    kernel, padding = pair(argument(node, 1, None)), pair(argument(node, 3, 0))
    stride = pair(argument(node, 2, None) or kernel)
    counts_padding = bool(argument(node, 5, True)) and any(padding)
    return operand(node), list(kernel), list(stride), list(padding), False, counts_padding
