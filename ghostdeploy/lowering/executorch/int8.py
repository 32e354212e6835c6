"""What ExecuTorch's XNNPACK computes in int8."""

from __future__ import annotations

from typing import Final

from torch.fx import Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.alternative import ACTIVATIONS
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.nearest_index import NEAREST, doubles
from ghostdeploy.quantisation.kinds import Backend, holds_zero


def _takes(node: Node) -> bool:
    """Everything but upsampling that a product does not do without (`nearest`).

    Slices and pads among it: the partitioner takes one between conversions for an int8 one, and XNNPACK does not load
    it where its two sides differ in steps ("Failed to create static slice node 870 with code:
    xnn_status_invalid_parameter").
    """
    return all(_gates(each) for each in (node, *node.all_input_nodes) if each.target in NEAREST)


def _gates(upsampling: Node) -> bool:
    """A doubling that is only multiplied, each time with a map that is none, and with no activation behind: ExecuTorch
    has no int8 product with one."""
    return doubles(upsampling) and all(_multiplies(user, upsampling) for user in upsampling.users)


def _multiplies(user: Node, doubling: Node) -> bool:
    others = [source for source in user.all_input_nodes if source is not doubling]
    return (user.target is aten.mul.Tensor and len(others) == 1 and others[0].target not in NEAREST
            and shape(others[0]) == shape(doubling) and not any(reader.target in ACTIVATIONS for reader in user.users))


# XNNPACK itself makes a table of a sigmoid between two conversions.
INT8: Final = Backend(fuses=holds_zero, takes=_takes, pads=lambda value: False)
