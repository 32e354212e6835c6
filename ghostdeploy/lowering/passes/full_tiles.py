"""A convolution with as many outputs as fill its kernel's tiles; those that nobody asked for are cut off."""

from __future__ import annotations

from typing import Final

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.alternative import Alternative, activated, activated_again
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.convolutions import geometry, unknown_weights
from ghostdeploy.lowering.site import Site

TILE: Final = 8      # output channels of one step of XNNPACK's float32 kernels for ARM: 4x8 and 6x8


class FullTiles(Alternative):
    """Gives a convolution of one group whose output channels are no multiple of 8 more of them, with weights of zero,
    and slices them off behind its activation.

    The XNNPACK in ExecuTorch for Android computes such a convolution, all of it, in a costlier kernel (61 outputs cost
    what 62 do), unless little is missing (436 do not). Counted, 64 channels at 28x28, million ARM instructions: 58
    outputs 1.73, 60 outputs 1.79, 64 outputs 1.20; in TFLite 2.14 each 1.09. A slice is 47 to 59 a pixel, of 12 and 36
    channels at 56x56. Whole models as `.pte`, before and with it everywhere: GhostNetV3 1.0x 91.5 and 88.7, 1.6x 206.3
    and 184.8, ShuffleNetV2 1.0x 72.0 and 58.1.
    """

    name = "full-tiles"
    precisions = ("fp32",)

    def fits(self, node: Node) -> bool:
        """One group, maps of more than a pixel, and a last tile that is not full."""
        return (node.target is aten.conv2d.default and len(shape(node)) == 4 and argument(node, 6, 1) == 1
                and shape(node)[1] % TILE != 0 and shape(node)[2:] != (1, 1))

    def site(self, node: Node) -> Site:
        """Height and width of the output, kernel (2), channels in, channels out."""
        weight = shape(operand(node, 1))
        return Site(self.name, (*shape(node)[2:], *weight[2:], weight[1], weight[0]))

    def region(self, node: Node) -> tuple[Node, ...]:
        """The convolution and its activation."""
        return tuple(dict.fromkeys((node, activated(node))))

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known."""
        return "its weights are computed from the input" if unknown_weights(module, node) else None

    def apply(self, module: GraphModule, node: Node) -> None:
        """The wider convolution, its activation, and the slice of what was asked for."""
        weight, bias, last = constant(module, node.args[1]), constant(module, argument(node, 2, None)), activated(node)
        assert weight is not None
        wide = new_constant(module, f"{node.name}_weight", _filled(weight))
        biases = None if bias is None else new_constant(module, f"{node.name}_bias", _filled(bias))
        value = emit(module, aten.conv2d.default, operand(node), wide, biases, *geometry(node), 1)
        if last is not node:
            value = activated_again(module, last, value)
        replace(last, emit(module, aten.slice.Tensor, value, 1, 0, weight.shape[0]))


def _filled(value: torch.Tensor) -> torch.Tensor:
    """Zeros behind the last output channel, up to a whole tile."""
    return torch.cat([value, value.new_zeros(-len(value) % TILE, *value.shape[1:])])
