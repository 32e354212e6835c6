"""Nearest upsampling at any factor, as slices and concatenations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import new_constant, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace
from ghostdeploy.lowering.passes.nearest_index import NEAREST, source_indices


class NearestAsSlices(Rewrite):
    """Writes a nearest upsampling as one slice per source row and column and balanced trees of concatenations.

    XNNPACK has no nearest upsampling; each one left outside cuts the graph (14 in GhostNetV3). Concatenations take at
    most `fan_in` tensors: a longer one is decomposed by ExecuTorch into a chain that copies O(n^2), a balanced tree
    copies O(n log n). Measured in the reference prototype on GhostNetV3 1.0x: 1 delegate, 0.407 of the stock latency
    with the tree, 0.420 with the chain.

    Args:
        keep: upsamplings that the backend has a better form for, and that stay as they are.
        fan_in: most tensors of one concatenation: 5 in ExecuTorch's XNNPACK schema, 4 in TFLite 2.14's delegate.
    """

    name = "nearest-as-slices"

    def __init__(self, keep: Callable[[Node], bool] = lambda node: False, fan_in: int = 5) -> None:
        self.keep, self.fan_in = keep, fan_in

    def matches(self, node: Node) -> bool:
        """Any nearest upsampling that the backend has no better form for."""
        return node.target in NEAREST and not self.keep(node)

    def apply(self, module: GraphModule, node: Node) -> None:
        """Columns first: they are the smaller copies."""
        rows, columns = source_indices(node)
        wide = self._taken(module, operand(node), 3, columns)
        replace(node, self._taken(module, wide, 2, rows))

    def _taken(self, module: GraphModule, source: Node, axis: int, indices: list[int]) -> Node:
        if indices == list(range(shape(source)[axis])):
            return source
        slices = {i: emit(module, aten.slice.Tensor, source, axis, i, i + 1) for i in sorted(set(indices))}
        return self._concatenated(module, [slices[i] for i in indices], axis)

    def _concatenated(self, module: GraphModule, parts: list[Node], axis: int) -> Node:
        """A balanced tree of groups of (almost) equal size."""
        while len(parts) > 1:
            groups = -(-len(parts) // self.fan_in)
            cuts = [-(-len(parts) * i // groups) for i in range(groups + 1)]
            parts = [self._joined(module, parts[a:b], axis) for a, b in pairwise(cuts)]
        return parts[0]

    def _joined(self, module: GraphModule, parts: list[Node], axis: int) -> Node:
        """ExecuTorch counts distinct inputs and refuses a tensor beside itself: a broadcast product repeats it instead,
        exactly, since x * 1 is x."""
        if len(set(parts)) > 1:
            return emit(module, aten.cat.default, parts, axis)
        size = [1, 1, 1, 1]
        size[axis] = len(parts)
        return emit(module, aten.mul.Tensor, parts[0], new_constant(module, "ones", torch.ones(size)))
