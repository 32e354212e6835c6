"""Average pools over padding, as depthwise convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.nn.functional import avg_pool2d, pad

from ghostdeploy.graph import argument, new_constant, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class AveragePoolAsDepthwise(Rewrite):
    """Writes an average pool as a depthwise convolution with constant weights, times a map of corrections where windows
    at the border divide by another count.

    XNNPACK's pool counts no padding, TFLite's knows SAME and VALID only: padding that counts (`count_include_pad`, the
    default), a divisor of its own, and a `ceil_mode` that reaches over the edge are outside of both. The correction is
    what torch's own pool makes of a map of ones, so no rule about borders is re-derived here.

    Args:
        every: rewrite all average pools, also those that the backend takes (int8 leaves plain pools outside: 14 holes
            in GhostNetV3; as depthwise convolutions they are 1.00 of the float latency); False: only those with padding
            that counts, a divisor or a window over the edge.
        excluded: with `every=False`, also those whose padding does not count (TFLite has no such pool unless its
            padding is SAME; XNNPACK does).
    """

    name = "average-pool-as-depthwise"

    def __init__(self, every: bool = False, excluded: bool = False) -> None:
        self.every, self.excluded = every, excluded

    def matches(self, node: Node) -> bool:
        """An average pool of the wanted kinds."""
        if node.target is not aten.avg_pool2d.default:
            return False
        padded = any(pair(argument(node, 3, 0)))
        return (self.every or argument(node, 6, None) is not None or _overhangs(node)
                or (padded and (self.excluded or argument(node, 5, True))))

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
