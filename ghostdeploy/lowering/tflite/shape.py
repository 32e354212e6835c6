"""Views, permutations and copies: mostly bookkeeping, since a tensor's order of axes is a label (see `layout`)."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import operand
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.registry import emits


@emits(aten.alias.default, aten.clone.default, aten.dropout.default, aten.contiguous.default, aten.detach.default,
       aten.detach_.default, aten.lift_fresh_copy.default)
def copy(e: Emission, node: Node) -> None:
    """A copy in ATen is a name here: memory order is nobody's business but ours."""
    e.same(node, operand(node))


@emits(aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.flatten.using_ints,
       aten.squeeze.dim, aten.squeeze.dims, aten.squeeze.default, aten.unsqueeze.default, aten.unflatten.int)
def view(e: Emission, node: Node) -> None:
    """The same elements in another shape; the shape itself is in the node's meta."""
    e.view(node, operand(node))


@emits(aten.permute.default)
def permute(e: Emission, node: Node) -> None:
    """`permute` renames axes."""
    rank = len(graph.shape(node))
    dims: list[int] = list(node.args[1])  # type: ignore[arg-type]
    e.permute(node, operand(node), [d % rank for d in dims])


@emits(aten.transpose.int, aten.t.default)
def transpose(e: Emission, node: Node) -> None:
    """`transpose` and `t` exchange two axes."""
    rank = len(graph.shape(node))
    dims = list(range(rank))
    a, b = (graph.argument(node, 1, 0) % rank, graph.argument(node, 2, 1) % rank) if rank > 1 else (0, 0)
    dims[a], dims[b] = dims[b], dims[a]
    e.permute(node, operand(node), dims)


@emits(aten.expand.default)
def expand(e: Emission, node: Node) -> None:
    """`expand`: a view where nothing is repeated, else a product with ones (BROADCAST_TO, TILE are not delegated)."""
    source, shape = operand(node), graph.shape(node)
    before = graph.shape(source)
    wide = (*(1,) * (len(shape) - len(before)), *before)
    tensor, order = e.viewed(source, wide)
    if wide == shape:
        e.keep(node, tensor, order)
        return
    ones = np.ones([shape[a] if wide[a] == 1 else 1 for a in order])
    e.binary("MUL", tensor, e.array(ones), e.write(node, order))
