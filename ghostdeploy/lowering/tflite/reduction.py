"""Means and sums over any axes, always written as a reduction over axes (1, 2) of a rank-4 tensor.

That is the only form of MEAN and SUM that XNNPACK in TFLite 2.14 takes; a RESHAPE around it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.layout import NHWC, Order, stored
from ghostdeploy.lowering.tflite.registry import emits


@emits(aten.mean.dim, aten.mean.default, aten.sum.dim_IntList, aten.sum.default)
def reduction(e: Emission, node: Node) -> None:
    """`mean` or `sum` over given axes (none given: all)."""
    source = node.args[0]
    assert isinstance(source, Node)
    rank = len(graph.shape(source))
    dims = graph.argument(node, 1, None) or range(rank)
    name = "MEAN" if node.target in (aten.mean.dim, aten.mean.default) else "SUM"
    reduce(e, node, source, [d % rank for d in dims], bool(graph.argument(node, 2, False)), name)


def reduce(e: Emission, node: Node, source: Node, dims: Sequence[int], keep: bool, name: str) -> None:
    """Write `node` as the MEAN or SUM of `source` over `dims`."""
    shape = graph.shape(source)
    order = _together(e.order(source), dims, shape)
    x = e.read(source, order)
    kept_shape = tuple(1 if axis in dims else s for axis, s in enumerate(shape))
    if order == NHWC and set(dims) == {2, 3}:
        reduced = reduce_rows(e, x, name, node)
    else:
        first = min(order.index(d) for d in dims)
        count = prod(shape[d] for d in dims)
        front = prod(shape[axis] for axis in order[:first])
        back = prod(shape[axis] for axis in order[first + len(dims):])
        reduced = reduce_rows(e, e.reshape(x, (front, count, 1, back)), name, node)
    if keep:
        e.keep(node, e.reshape(reduced, stored(kept_shape, order)), order)
        return
    rest = [axis for axis in range(len(shape)) if axis not in dims]
    remaining = tuple(rest.index(axis) for axis in order if axis in rest)
    e.keep(node, e.reshape(reduced, stored(graph.shape(node), remaining)), remaining)


def reduce_rows(e: Emission, tensor: int, name: str = "MEAN", node: Node | None = None) -> int:
    """MEAN or SUM of a stored rank-4 tensor over its axes 1 and 2, which stay with length 1; it is `node`'s value."""
    shape = e.writer.shape(tensor)
    reduced = (shape[0], 1, 1, shape[3])
    out = e.writer.tensor(name.lower(), reduced) if node is None else e.declare(node, name.lower(), reduced)
    e.writer.operator(name, [tensor, e.integers([1, 2])], [out], "ReducerOptions", keepDims=True)
    return out


def _together(order: Order, dims: Sequence[int], shape: tuple[int, ...]) -> Order:
    """`order` if the reduced axes lie side by side in it, else an order in which they do, at the place of the first."""
    places = sorted(order.index(d) for d in dims)
    if places == list(range(places[0], places[0] + len(places))):
        return order
    rest = [axis for axis in order if axis not in dims]
    before = [axis for axis in order[:places[0]] if axis not in dims]
    return (*before, *(axis for axis in order if axis in dims), *rest[len(before):])
