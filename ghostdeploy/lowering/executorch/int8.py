"""What ExecuTorch's XNNPACK computes in int8."""

from __future__ import annotations

from typing import Final

from torch.fx import Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.nearest_index import NEAREST, doubles
from ghostdeploy.quantisation.kinds import Backend, holds_zero


def _takes(node: Node) -> bool:
    """Everything but upsampling that a product does not do without (`nearest`).

    Slices and pads among it: the partitioner takes one between conversions for an int8 one, and XNNPACK does not load
    it where its two sides differ in steps ("Failed to create static slice node 870 with code:
    xnn_status_invalid_parameter").
    """
    return node.target not in NEAREST or (doubles(node) and all(_multiplies(user, node) for user in node.users))


def _multiplies(user: Node, doubling: Node) -> bool:
    """Does it multiply the doubled map with one that is none, of the same shape?"""
    others = [source for source in user.all_input_nodes if source is not doubling]
    return (user.target is aten.mul.Tensor and len(others) == 1 and others[0].target not in NEAREST
            and shape(others[0]) == shape(doubling))


INT8: Final = Backend(fuses=holds_zero, takes=_takes, pads=lambda value: False)
