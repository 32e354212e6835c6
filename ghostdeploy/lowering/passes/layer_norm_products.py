"""A layer norm over the last axis, in operators that ExecuTorch's XNNPACK partitioner takes."""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, new_constant, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace
from ghostdeploy.lowering.passes.half_squares import before_squaring


class LayerNormAsProducts(Rewrite):
    """Writes (x - mean) / sqrt(var + eps) with two linear layers of one output that take the means.

    The partitioner takes no layer norm, and a mean only over height and width of a map; each norm left outside cuts the
    graph and runs in a portable kernel. DeiT-tiny, x86, one thread, with `NormAffineIntoLinear`: 1 delegate instead of
    26, 0.89 of the latency. The epsilon is the bias of the second mean.
    """

    name = "layer-norm-as-products"

    def __init__(self, *, half: bool = False) -> None:
        """`half`: for arithmetic in float16, in which squares of large values have no room."""
        self.half = half

    def matches(self, node: Node) -> bool:
        """A layer norm over the last axis."""
        return node.target is aten.layer_norm.default and list(argument(node, 1, [])) == [shape(node)[-1]]

    def apply(self, module: GraphModule, node: Node) -> None:
        """Centre, square, mean, root; scale and shift where there are any."""
        size, dtype, epsilon = shape(node)[-1], node.meta["val"].dtype, float(argument(node, 4, 1e-5))
        shrink = before_squaring(epsilon) if self.half else 1.0
        share = new_constant(module, f"{node.name}_share", torch.full((1, size), 1.0 / size, dtype=dtype))
        plus = new_constant(module, f"{node.name}_epsilon", torch.full((1,), epsilon * shrink ** 2, dtype=dtype))
        centred = emit(module, aten.sub.Tensor, operand(node), emit(module, aten.linear.default, operand(node), share))
        if shrink != 1:
            factor = new_constant(module, f"{node.name}_shrink", torch.full((1,), shrink, dtype=dtype))
            centred = emit(module, aten.mul.Tensor, centred, factor)
        squares = emit(module, aten.mul.Tensor, centred, centred)
        variance = emit(module, aten.linear.default, squares, share, plus)
        value = emit(module, aten.mul.Tensor, centred, emit(module, aten.rsqrt.default, variance))
        for index, operator in ((2, aten.mul.Tensor), (3, aten.add.Tensor)):
            by = argument(node, index, None)
            value = value if by is None else emit(module, operator, value, by)
        replace(node, value)
