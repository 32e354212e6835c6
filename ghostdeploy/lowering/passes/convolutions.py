"""What the rewrites of convolutions read of a node."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, pair, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import operand


def geometry(node: Node) -> tuple[list[int], list[int], list[int]]:
    """Stride, padding and dilation of a convolution, two numbers each."""
    stride, padding, dilation = (list(pair(argument(node, i, default))) for i, default in ((3, 1), (4, 0), (5, 1)))
    return stride, padding, dilation


def is_depthwise(node: Node) -> bool:
    """Is `node` a convolution of maps with a group for each of several channels?"""
    if node.target is not aten.conv2d.default or len(shape(node)) != 4:
        return False
    channels = shape(operand(node))[1]
    return bool(argument(node, 6, 1) == channels > 1)


def is_pointwise(node: object) -> bool:
    """Is `node` a 1x1 convolution of maps with one group?"""
    return (isinstance(node, Node) and node.target is aten.conv2d.default and len(shape(node)) == 4
            and shape(operand(node, 1))[2:] == (1, 1) and argument(node, 6, 1) == 1)


def unknown_weights(module: GraphModule, node: Node) -> bool:
    """Are weight or bias of a convolution anything but constants?"""
    bias = argument(node, 2, None)
    return constant(module, node.args[1]) is None or (bias is not None and constant(module, bias) is None)
