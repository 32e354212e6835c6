"""What XNNPACK computes in int8 when it comes as a `.tflite`."""

from __future__ import annotations

from typing import Final

from torch.fx import Node

from ghostdeploy.lowering.passes.nearest_index import NEAREST
from ghostdeploy.lowering.tflite.upsample import only_gates, upsampled_gate
from ghostdeploy.quantisation.kinds import Backend, holds_zero


def _takes(node: Node) -> bool:
    """Upsampling is a broadcast product in int8, so only where it is that; everything else as it comes."""
    if node.target in NEAREST:
        return only_gates(node)
    gate = upsampled_gate(node)
    return gate is None or only_gates(gate)


INT8: Final = Backend(fuses=holds_zero, takes=_takes)
