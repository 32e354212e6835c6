"""Average pools, as depthwise convolutions: those over padding and small ones."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch.fx import GraphModule, Node
from torch.nn.functional import avg_pool2d, pad

from ghostdeploy.graph import argument, new_constant, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace

# Up to here a depthwise convolution is the cheaper pool: XNNPACK has a kernel of four taps. GhostNetV3 1.0x's pools,
# `.pte`: 0.36 instead of 0.75 M ARM instructions in float32, 0.24 less in float16; alone on x86, `.tflite`, 24 to 160
# channels, 56x56 to 7x7: 0.79 to 1.00 of the time. Of nine taps: 1.08.
FEW_TAPS = 4


class AveragePoolAsDepthwise(Rewrite):
    """Writes an average pool as a depthwise convolution with constant weights, times a map of corrections where windows
    at the border divide by another count.

    XNNPACK's pool counts no padding, TFLite's knows SAME and VALID only: padding that counts (`count_include_pad`, the
    default), a divisor of its own, and a `ceil_mode` that reaches over the edge are outside of both. The correction is
    what torch's own pool makes of a map of ones, so no rule about borders is re-derived here. Pools of a few taps are
    cheaper so, too.

    Args:
        which: "small" are pools of at most `FEW_TAPS`, and those that skip elements, which XNNPACK has no pool for;
            "counted" those and the ones above; "every" all of them (int8 leaves plain pools outside: 14 holes in
            GhostNetV3; as depthwise convolutions they are 1.00 of the float latency).
    """

    name = "average-pool-as-depthwise"

    def __init__(self, which: Literal["small", "counted", "every"]) -> None:
        self.which = which

    def matches(self, node: Node) -> bool:
        """An average pool of the wanted kinds."""
        if node.target is not aten.avg_pool2d.default:
            return False
        kernel = pair(argument(node, 1, None))
        if self.which == "every" or kernel[0] * kernel[1] <= FEW_TAPS or _skips(node):
            return True
        counts = any(pair(argument(node, 3, 0))) and argument(node, 5, True)
        return self.which == "counted" and (counts or argument(node, 6, None) is not None or _overhangs(node))

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Depthwise convolutions are made for maps."""
        return None if len(shape(node)) == 4 else "its operand has no batch axis"

    def apply(self, module: GraphModule, node: Node) -> None:
        """Pad if the last window overhangs, convolve, correct."""
        source = operand(node)
        kernel, stride = pair(argument(node, 1, None)), _stride(node)
        channels, padding = shape(node)[1], pair(argument(node, 3, 0))
        if _overhangs(node):
            source, padding = emit(module, aten.constant_pad_nd.default, source, _margins(node), 0.0), (0, 0)
        factor = _correction(node)
        uniform = bool((factor == factor.flatten()[0]).all())
        weight = float(factor.flatten()[0]) / (kernel[0] * kernel[1]) if uniform else 1 / (kernel[0] * kernel[1])
        weights = new_constant(module, f"{node.name}_weight", torch.full((channels, 1, *kernel), weight))
        pooled = emit(module, aten.conv2d.default, source, weights, None, list(stride), list(padding), [1, 1], channels)
        if not uniform:
            pooled = emit(module, aten.mul.Tensor, pooled,
                          new_constant(module, f"{node.name}_correction", factor.to(torch.float32)))
        replace(node, pooled)


def _stride(node: Node) -> tuple[int, int]:
    return pair(argument(node, 2, None) or argument(node, 1, None))


def _skips(node: Node) -> bool:
    """Are there elements between its windows?"""
    return any(step > size for step, size in zip(_stride(node), pair(argument(node, 1, None)), strict=True))


def _margins(node: Node) -> list[int]:
    """Left, right, top, bottom: the padding that every window of the result needs to be whole."""
    margins: list[int] = []
    for axis in (1, 0):
        size, out = shape(operand(node))[-2:][axis], shape(node)[-2:][axis]
        edge, kernel, step = (pair(v)[axis] for v in (argument(node, 3, 0), argument(node, 1, None), _stride(node)))
        margins += [edge, max(edge, (out - 1) * step + kernel - size - edge)]
    return margins


def _overhangs(node: Node) -> bool:
    """Does a window reach over the padded edge, as only ceil_mode allows?"""
    padding = pair(argument(node, 3, 0))
    return _margins(node)[1::2] != [padding[1], padding[0]]


def _correction(node: Node) -> torch.Tensor:
    """float64 [1, 1, height, width]: torch's average of ones over a plain mean of the zero-padded ones."""
    operator: Any = node.target
    ones = torch.ones(1, 1, *shape(operand(node))[-2:], dtype=torch.float64)
    plain: torch.Tensor = avg_pool2d(pad(ones, _margins(node)), pair(argument(node, 1, None)), _stride(node))
    height, width = shape(node)[-2:]
    true: torch.Tensor = operator(ones, *node.args[1:])
    return true / plain[..., :height, :width]
