"""Queries, keys and values by a linear layer each, where one layer computed them side by side."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from math import prod

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


@dataclass(frozen=True)
class _Pattern:
    """linear -> view that cuts outputs into `shape[axis]` parts -> permute that brings this axis to the front."""

    linear: Node
    shape: tuple[int, ...]
    axis: int
    dims: tuple[int, ...]


class SplitProjection(Rewrite):
    """Cuts a linear layer at the parts into which `view -> permute -> unbind` takes its outputs apart.

    A part is then computed where it is needed, instead of being moved with the others by one transpose of five axes and
    cut out by a slice. Rows of a matrix product do not meet, so nothing is rounded otherwise. DeiT-tiny `.pte`, x86,
    one thread: 0.98 of the tenth percentile, medians alike (a noisy machine).
    """

    name = "split-projection"

    def matches(self, node: Node) -> bool:
        """An unbind of such a chain, whose nodes nothing else reads."""
        return _pattern(node) is not None

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known, and the parts be picked one by one."""
        pattern = _pattern(node)
        assert pattern is not None
        bias = argument(pattern.linear, 2, None)
        if constant(module, pattern.linear.args[1]) is None or (bias is not None and constant(module, bias) is None):
            return "its weights are computed from the input"
        picked = all(reader.target is operator.getitem for reader in node.users)
        return None if picked else "its parts are used as a list"

    def apply(self, module: GraphModule, node: Node) -> None:
        """For each part its rows of the weight, and the rest of view and permute."""
        pattern = _pattern(node)
        assert pattern is not None
        linear, axis = pattern.linear, pattern.axis
        weight, bias = constant(module, linear.args[1]), constant(module, argument(linear, 2, None))
        assert weight is not None
        rest = [size for i, size in enumerate(pattern.shape) if i != axis]
        dims = [dim - (dim > axis) for dim in pattern.dims[1:]]
        rows = prod(pattern.shape[axis + 1:])
        for reader in list(node.users):
            low = rows * int(reader.args[1])  # type: ignore[arg-type]
            weights = new_constant(module, f"{linear.name}_weight", weight[low:low + rows])
            biases = None if bias is None else new_constant(module, f"{linear.name}_bias", bias[low:low + rows])
            part = emit(module, aten.linear.default, operand(linear), weights, biases)
            viewed = emit(module, aten.view.default, part, rest)
            replace(reader, emit(module, aten.permute.default, viewed, dims))
            module.graph.erase_node(reader)


def _pattern(node: Node) -> _Pattern | None:
    if node.target is not aten.unbind.int or argument(node, 1, 0) != 0:
        return None
    permute = operand(node)
    view = permute.args[0] if permute.target is aten.permute.default else None
    linear = view.args[0] if isinstance(view, Node) and view.target is aten.view.default else None
    if not isinstance(view, Node) or not isinstance(linear, Node) or linear.target is not aten.linear.default:
        return None
    if any(len(inner.users) != 1 for inner in (permute, view, linear)):
        return None
    dims = tuple(dim % len(shape(view)) for dim in argument(permute, 1, ()))
    before, axis = len(shape(linear)) - 1, dims[0]
    # The parts must lie one after the other in the layer's outputs: the first of the axes that its last one became.
    apart = shape(view)[:before] == shape(linear)[:before] and axis == before
    return _Pattern(linear, shape(view), axis, dims) if apart else None

