"""A convolution of a concatenation, as the sum of convolutions of its parts."""

from __future__ import annotations

from itertools import accumulate, pairwise

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.concatenation import ConvolutionOfConcatenation, joined_channels
from ghostdeploy.lowering.passes.convolutions import geometry, is_pointwise
from ghostdeploy.lowering.site import Site


class PointwiseOfConcatenation(ConvolutionOfConcatenation):
    """Writes conv(cat(a, b)) as conv_a(a) + conv_b(b), for a convolution that is 1x1 and has one group.

    A projection reads many channels and writes few, so that the sum costs less than the copies of the concatenation
    where maps are large. Only the order of a float32 sum changes. GhostNetV3 1.0x, blocks 0 and 1: 0.55 of 95.7 M ARM
    instructions.
    """

    name = "pointwise-of-concatenation"

    def fits(self, node: Node) -> bool:
        """A plain 1x1 convolution of joined maps."""
        return is_pointwise(node) and joined_channels(node.args[0]) is not None

    def site(self, node: Node) -> Site:
        """Height, width, stride (2), output channels, then the channels of each part."""
        parts = joined_channels(node.args[0]) or []
        return Site(self.name, (*shape(operand(node))[2:], *geometry(node)[0], shape(node)[1],
                                *(shape(part)[1] for part in parts)))

    def apply(self, module: GraphModule, node: Node) -> None:
        """One convolution for each part; the first carries the bias."""
        parts = joined_channels(node.args[0]) or []
        weight, bias = constant(module, node.args[1]), constant(module, argument(node, 2, None))
        assert weight is not None
        bias = torch.zeros(weight.shape[0], dtype=weight.dtype) if bias is None else bias
        total: Node | None = None
        for part, (low, high) in zip(parts, pairwise(accumulate((shape(p)[1] for p in parts), initial=0)), strict=True):
            weights = new_constant(module, f"{node.name}_weight", weight[:, low:high])
            biases = new_constant(module, f"{node.name}_bias", bias if total is None else torch.zeros_like(bias))
            term = emit(module, aten.conv2d.default, part, weights, biases, *geometry(node), 1)
            total = term if total is None else emit(module, aten.add.Tensor, total, term)
        assert total is not None
        replace(node, total)
