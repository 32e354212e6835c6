"""A depthwise convolution of a concatenation, as the concatenation of depthwise convolutions."""

from __future__ import annotations

from itertools import accumulate, pairwise

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.alternative import activated, activated_again
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.concatenation import ConvolutionOfConcatenation, joined_channels
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise
from ghostdeploy.lowering.site import Site


class ConcatenationPastDepthwise(ConvolutionOfConcatenation):
    """Writes depthwise(cat(a, b)) as cat(depthwise(a), depthwise(b)): channels do not meet in a depthwise convolution.

    With a stride the concatenation then copies a quarter of the pixels, and the 1x1 convolution that follows can take
    the parts (`PointwiseOfConcatenation`). GhostNetV3 1.0x, block 1 (24 + 24 channels, 112x112, stride 2): 0.67 of
    95.7 M ARM instructions, 0.97 of the x86 latency of the whole model.
    """

    name = "concatenation-past-depthwise"

    def fits(self, node: Node) -> bool:
        """A convolution with a group for each channel, of joined maps."""
        return is_depthwise(node) and joined_channels(node.args[0]) is not None

    def site(self, node: Node) -> Site:
        """Height, width, kernel (2), stride (2), then the channels of each part."""
        parts = joined_channels(node.args[0]) or []
        return Site(self.name, (*shape(operand(node))[2:], *shape(operand(node, 1))[2:], *geometry(node)[0],
                                *(shape(part)[1] for part in parts)))

    def apply(self, module: GraphModule, node: Node) -> None:
        """One convolution for each part, with its channels' weights and the activation."""
        parts = joined_channels(node.args[0]) or []
        weight, bias = constant(module, node.args[1]), constant(module, argument(node, 2, None))
        assert weight is not None
        multiplier, last = weight.shape[0] // shape(operand(node))[1], activated(node)
        bounds = [multiplier * at for at in accumulate((shape(part)[1] for part in parts), initial=0)]
        outputs = []
        for part, (low, high) in zip(parts, pairwise(bounds), strict=True):
            weights = new_constant(module, f"{node.name}_weight", weight[low:high])
            biases = None if bias is None else new_constant(module, f"{node.name}_bias", bias[low:high])
            value = emit(module, aten.conv2d.default, part, weights, biases, *geometry(node), shape(part)[1])
            outputs.append(value if last is node else activated_again(module, last, value))
        replace(last, emit(module, aten.cat.default, outputs, 1))
