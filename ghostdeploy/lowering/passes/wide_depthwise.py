"""Depthwise convolutions of more than 25 taps, as sums of smaller ones."""

from __future__ import annotations

from collections.abc import Iterator

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise, unknown_weights

MOST_TAPS = 25      # XNNPACK has depthwise kernels of 3, 4, 9 and 25 taps


class WideDepthwiseAsSum(Rewrite):
    """Writes a depthwise convolution of more than 25 taps as a sum of ones that have at most 25: of two rows of the
    kernel each that lie equally far from its middle (a dilated kernel, padded evenly), and of the middle row, which
    joins the outermost two where there is room.

    XNNPACK has no depthwise kernel for more than 25 taps and computes them in its kernels for matrix products. x86, 60
    channels at 28x28: 25 taps take 53 us, 49 take 653, 81 take 1020. ARM, the same, 49 taps: 19.9 M instructions, as a
    sum 3.5; MixNet-S whole: 275 and 166. In int8 each part is rounded: MixNet-S, random weights, two photographs, 12.5
    and 21.3 dB instead of 14.9 and 21.5, for 76 instead of 229 million instructions.
    """

    name = "wide-depthwise-as-sum"

    def matches(self, node: Node) -> bool:
        """A depthwise convolution of a map with more taps than XNNPACK has kernels for."""
        if not is_depthwise(node):
            return False
        height, width = shape(operand(node, 1))[2:]
        return height * width > MOST_TAPS

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known; rows need a middle, pairs of them at most 25 taps, and the padding must reach it."""
        height, width = shape(operand(node, 1))[2:]
        _, padding, dilation = geometry(node)
        if unknown_weights(module, node):
            return "its weights are computed from the input"
        if height % 2 == 0:
            return "its kernel has no middle row"
        if 2 * width > MOST_TAPS:
            return "two of its rows are more than 25 taps"
        return None if padding[0] >= height // 2 * dilation[0] else "its padding is narrower than half of its kernel"

    def apply(self, module: GraphModule, node: Node) -> None:
        """One convolution for each set of rows, the first with the bias, and their sum."""
        weight = constant(module, node.args[1])
        assert weight is not None
        stride, padding, dilation = geometry(node)
        total: Node | None = None
        for rows in _rows(*weight.shape[2:]):
            kernel = new_constant(module, f"{node.name}_rows", weight[:, :, list(rows)].contiguous())
            part = emit(module, aten.conv2d.default, operand(node), kernel,
                        argument(node, 2, None) if total is None else None, stride,
                        [padding[0] - rows[0] * dilation[0], padding[1]], [rows.step * dilation[0], dilation[1]],
                        argument(node, 6, 1))
            total = part if total is None else emit(module, aten.add.Tensor, total, part)
        assert total is not None
        replace(node, total)


def _rows(height: int, width: int) -> Iterator[range]:
    """Sets of rows around the middle, of at most 25 taps: every row once."""
    middle = height // 2
    with_middle = 3 * width <= MOST_TAPS
    for away in range(middle, 0, -1):
        step = away if with_middle and away == middle else 2 * away
        yield range(middle - away, middle + away + 1, step)
    if not with_middle:
        yield range(middle, middle + 1)
