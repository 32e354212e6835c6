"""Which source row and column each output pixel of a nearest upsampling reads: asked from torch, not re-derived."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import operand

NEAREST = (aten.upsample_nearest2d.vec, aten.upsample_nearest2d.default,
           aten._upsample_nearest_exact2d.vec, aten._upsample_nearest_exact2d.default)


def source_indices(node: Node) -> tuple[list[int], list[int]]:
    """Source row of each output row and source column of each output column of an upsampling in `NEAREST`.

    torch computes floor(i * scale) in float32, where scale is in/out when the size was given and 1/factor when the
    factor was; at some sizes the two differ by one pixel, and integer arithmetic agrees with neither. So the node's own
    operator is run on the coordinates themselves, which float32 holds exactly.
    """
    height, width = shape(operand(node))[-2:]
    rows = _upsampled(node, torch.arange(height).reshape(1, 1, height, 1).expand(1, 1, height, width))
    columns = _upsampled(node, torch.arange(width).reshape(1, 1, 1, width).expand(1, 1, height, width))
    return rows[:, 0].tolist(), columns[0].tolist()


def doubles(node: Node) -> bool:
    """Is this upsampling one that repeats every row and every column exactly twice?"""
    height, width = shape(operand(node))[-2:]
    return source_indices(node) == ([i // 2 for i in range(2 * height)], [i // 2 for i in range(2 * width)])


def _upsampled(node: Node, coordinates: torch.Tensor) -> torch.Tensor:
    operator: Any = node.target
    result: torch.Tensor = operator(coordinates.to(torch.float32).contiguous(), *node.args[1:], **node.kwargs)
    return result[0, 0].to(torch.int64)
