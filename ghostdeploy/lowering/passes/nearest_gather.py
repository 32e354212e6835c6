"""Nearest upsampling as two gathers along its axes."""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import new_constant, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace
from ghostdeploy.lowering.passes.nearest_index import NEAREST, source_indices


class NearestAsGather(Rewrite):
    """Writes a nearest upsampling at a factor that is no whole number as `index_select` of rows and of columns.

    ONNX Runtime 1.32's resize divides where torch multiplies: of the 1024 pairs of sizes up to 32 it reads other pixels
    than torch for 32 (14 -> 4, 20 -> 12, ...), none of them a whole factor. With indices in the file there is nothing
    left to round; whole factors stay.
    """

    name = "nearest-as-gather"

    def matches(self, node: Node) -> bool:
        """An upsampling that does not repeat every row and column equally often."""
        if node.target not in NEAREST:
            return False
        before, after = shape(operand(node))[-2:], shape(node)[-2:]
        return any(indices != [i * size // out for i in range(out)] or out % size
                   for indices, size, out in zip(source_indices(node), before, after, strict=True))

    def apply(self, module: GraphModule, node: Node) -> None:
        """Rows, then columns."""
        result = operand(node)
        for axis, indices in zip((2, 3), source_indices(node), strict=True):
            index = new_constant(module, f"{node.name}_index", torch.tensor(indices))
            result = emit(module, aten.index_select.default, result, axis, index)
        replace(node, result)
