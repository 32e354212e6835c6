"""Concatenation, in trees of four: XNNPACK in TFLite 2.14 takes CONCATENATION of two to four inputs and no more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.concatenation import WIDEST
from ghostdeploy.lowering.tflite.emission import ACTIVATION, Emission
from ghostdeploy.lowering.tflite.registry import emits


def concatenate(e: Emission, tensors: Sequence[int], axis: int, out: int | None = None) -> int:
    """CONCATENATION of stored tensors along a stored axis, as a balanced tree where there are more than four."""
    if len(tensors) == 1 and out is None:
        return tensors[0]
    if len(tensors) > WIDEST:
        share, larger = divmod(len(tensors), WIDEST)
        starts = [i * share + min(i, larger) for i in range(WIDEST + 1)]
        tensors = [concatenate(e, tensors[a:b], axis) for a, b in pairwise(starts)]
    shapes = [e.writer.shape(t) for t in tensors]
    shape = (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1:])
    result = e.writer.like(tensors[0], "concat", shape) if out is None else out
    e.writer.operator("CONCATENATION", list(tensors), [result], "ConcatenationOptions", axis=axis,
                      fusedActivationFunction=ACTIVATION.NONE)
    return result


@emits(aten.cat.default)
def cat(e: Emission, node: Node) -> None:
    """`cat`, in the order in which its first computed part lies."""
    parts: list[Node] = list(node.args[0])  # type: ignore[arg-type]
    parts = [part for part in parts if 0 not in graph.shape(part)]
    order = next((e.order(part) for part in parts if e.constant(part) is None), e.order(parts[0]))
    axis = order.index(graph.argument(node, 1, 0) % len(order))
    e.keep(node, concatenate(e, [e.read(part, order) for part in parts], axis), order)


@emits(aten.stack.default)
def stack(e: Emission, node: Node) -> None:
    """`stack`: every part gets the new axis, then they are concatenated."""
    parts: list[Node] = list(node.args[0])  # type: ignore[arg-type]
    shape = graph.shape(node)
    axis = graph.argument(node, 1, 0) % len(shape)
    single = (*shape[:axis], 1, *shape[axis + 1:])
    order = tuple(range(len(shape)))
    tensors = [e.reshape(e.read(part, order[:-1]), single) for part in parts]
    e.keep(node, concatenate(e, tensors, axis), order)
