"""Taking parts: slices, splits, single entries. A split is as many SLICEs as parts are used."""

from __future__ import annotations

import operator
from itertools import accumulate
from typing import Any

from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import operand
from ghostdeploy.lowering.passes.split_slices import SPLITS
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.layout import stored
from ghostdeploy.lowering.tflite.registry import emits


@emits(aten.slice.Tensor)
def slice_axis(e: Emission, node: Node) -> None:
    """`x[start:end:step]` along one axis."""
    source = operand(node)
    shape = graph.shape(source)
    axis, step = graph.argument(node, 1, 0) % len(shape), graph.argument(node, 4, 1)
    start = slice(graph.argument(node, 2, 0), graph.argument(node, 3, None), step).indices(shape[axis])[0]
    if step == 1:
        take(e, node, source, axis, start)
        return
    order = e.order(source)
    begin, end, strides = [0] * len(shape), list(shape), [1] * len(shape)
    begin[axis], strides[axis] = start, step
    end[axis] = min(start + graph.shape(node)[axis] * step, shape[axis])
    inputs = [e.read(source, order), *(e.integers([v[a] for a in order]) for v in (begin, end, strides))]
    e.writer.operator("STRIDED_SLICE", inputs, [e.write(node, order)], "StridedSliceOptions",
                      versions.strided_slicing(len(shape)))


@emits(aten.select.int)
def select(e: Emission, node: Node) -> None:
    """`x[index]` along one axis, which goes."""
    source = operand(node)
    axis = graph.argument(node, 1, 0) % len(graph.shape(source))
    entry(e, node, source, axis, graph.argument(node, 2, 0))


@emits(*SPLITS)
def split(e: Emission, node: Node) -> None:
    """Nothing yet: each part is written where it is picked (`item`)."""


@emits(operator.getitem)
def item(e: Emission, node: Node) -> None:
    """One part of a split."""
    origin: Any = node.args[0]
    index: int = node.args[1]  # type: ignore[assignment]
    if origin.target not in SPLITS:
        raise e.refusal(origin, "an operator with several results has no lowering here",
                        "export --format pte, or replace the operator in the model")
    source = operand(origin)
    if origin.target is aten.unbind.int:
        entry(e, node, source, graph.argument(origin, 1, 0) % len(graph.shape(source)), index)
        return
    axis = graph.argument(origin, 2, 0) % len(graph.shape(source))
    sizes = [int(part.shape[axis]) for part in origin.meta["val"]]
    take(e, node, source, axis, [0, *accumulate(sizes)][index])


def entry(e: Emission, node: Node, source: Node, axis: int, index: int) -> None:
    """Write `node` as entry `index` of `source` along `axis`, without that axis."""
    shape, order = graph.shape(source), e.order(source)
    single = tuple(1 if a == axis else s for a, s in enumerate(shape))
    tensor = cut(e, e.read(source, order), order.index(axis), index % shape[axis], 1)
    rest = [a for a in range(len(shape)) if a != axis]
    remaining = tuple(rest.index(a) for a in order if a != axis)
    assert e.writer.shape(tensor) == stored(single, order)
    e.keep(node, e.reshape(tensor, stored(graph.shape(node), remaining)), remaining)


def take(e: Emission, node: Node, source: Node, axis: int, start: int) -> None:
    """Write `node` as the part of `source` that starts at `start` along `axis`, as long as the node is."""
    order = e.order(source)
    length = graph.shape(node)[axis]
    if length == graph.shape(source)[axis]:
        e.same(node, source)
        return
    e.keep(node, cut(e, e.read(source, order), order.index(axis), start, length), order)


def cut(e: Emission, tensor: int, axis: int, start: int, length: int) -> int:
    """SLICE of a stored tensor along a stored axis."""
    shape = e.writer.shape(tensor)
    if length == shape[axis]:
        return tensor
    begin = [0] * len(shape)
    begin[axis] = start
    size = [*shape[:axis], length, *shape[axis + 1:]]
    out = e.writer.tensor("slice", size)
    e.writer.operator("SLICE", [tensor, e.integers(begin), e.integers(size)], [out], "SliceOptions",
                      versions.slicing(len(shape)))
    return out
