"""What ExecuTorch's XNNPACK computes in int8."""

from __future__ import annotations

from typing import Final

from torch.fx import Node

from ghostdeploy.lowering.passes.nearest_index import NEAREST
from ghostdeploy.quantisation.kinds import Backend, holds_zero


def _takes(node: Node) -> bool:
    """Everything but upsampling and the product that does without the upsampled map: `nearest` writes float32 only.

    Slices and pads among it: the partitioner takes one between conversions for an int8 one, and XNNPACK does not load
    it where its two sides differ in steps ("Failed to create static slice node 870 with code:
    xnn_status_invalid_parameter").
    """
    return node.target not in NEAREST and not any(source.target in NEAREST for source in node.all_input_nodes)


INT8: Final = Backend(fuses=holds_zero, takes=_takes, pads=lambda value: False)
