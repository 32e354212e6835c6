"""Padding in any disguise: which tensors are another tensor with a border of one number per channel around it.

A border may be one operator, or a zero pad whose edges are then overwritten slice by slice, as DBB's `BNAndPad` does to
pad with BatchNorm's own value for zero. Instead of a pattern for each, the operators are run once on labels: all they
do is copy elements, so where each label ends up is where every value will.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.fx import Node
from torch.fx.node import map_arg

from ghostdeploy import graph as graphs
from ghostdeploy.fusion.affine import F64
from ghostdeploy.fusion.constants import Constants

aten = torch.ops.aten

PADS = {aten.constant_pad_nd.default, aten.pad.default, aten.slice_scatter.default, aten.select_scatter.default}
# Operators that copy elements and compute nothing.
COPIES = PADS | {aten.slice.Tensor, aten.select.int, aten.copy.default, aten.expand.default, aten.view.default,
                 aten.clone.default, aten.unsqueeze.default, aten.squeeze.dim, aten.permute.default,
                 aten.transpose.int, aten.expand_as.default, aten.cat.default}


@dataclass(frozen=True, eq=False)
class Frame:
    """`source` with `low[i]` and `high[i]` positions of the value `border[c]` on either side of spatial axis i.

    `copies` are the nodes that make it up; nobody else reads any of them, nor the source.
    """

    source: Node
    low: tuple[int, ...]
    high: tuple[int, ...]
    border: torch.Tensor
    copies: frozenset[Node]

    @property
    def is_zero_padding(self) -> bool:
        return self.low == self.high and not bool(self.border.any())


def frame_of(node: object, constants: Constants) -> Frame | None:
    """The frame that `node` (a map [N, C, *spatial]) is, or None."""
    if not isinstance(node, Node) or node.target not in PADS or len(node.users) != 1:
        return None
    region, sources = _region(node, constants)
    if len(sources) != 1:
        return None
    source = sources.pop()
    inside = region | {source}
    if any(user not in region for n in inside - {node} for user in n.users):
        return None
    size, framed = graphs.shape(source), graphs.shape(node)
    if len(size) < 3 or len(size) != len(framed) or size[:2] != framed[:2]:
        return None
    labels = torch.arange(1, torch.Size(size).numel() + 1, dtype=F64).view(size)
    once = _run(node, region, {source: labels}, constants)
    again = _run(node, region, {source: labels + labels.numel()}, constants)
    return _framed(source, labels, once, again, frozenset(region))


def _region(node: Node, constants: Constants) -> tuple[set[Node], set[Node]]:
    """The copying nodes that lead to `node`, and the computed tensors that they start from."""
    region, sources, pending = set[Node](), set[Node](), [node]
    while pending:
        current = pending.pop()
        if current in region or current in sources or constants.value(current) is not None:
            continue
        if current.target in COPIES:
            region.add(current)
            pending += current.all_input_nodes
        else:
            sources.add(current)
    return region, sources


def _run(node: Node, region: set[Node], known: dict[Node, torch.Tensor], constants: Constants) -> torch.Tensor:
    values = dict(known)
    for current in sorted(region):
        def read(n: Node) -> torch.Tensor | None:
            return values[n] if n in values else constants.value(n)
        values[current] = current.target(*map_arg(current.args, read), **map_arg(current.kwargs, read))  # type: ignore
    return values[node]


def _framed(source: Node, labels: torch.Tensor, once: torch.Tensor, again: torch.Tensor,
            copies: frozenset[Node]) -> Frame | None:
    moved = once != again
    low, high, box = [], [], [slice(None), slice(None)]
    for axis in range(2, once.dim()):
        touched = moved.movedim(axis, 0).flatten(1).any(1).nonzero().flatten().tolist()
        if not touched:
            return None
        low.append(touched[0])
        high.append(once.shape[axis] - 1 - touched[-1])
        box.append(slice(touched[0], touched[-1] + 1))
    inside = once[tuple(box)]
    if inside.shape != labels.shape or not bool((inside == labels).all()) or not any(low + high):
        return None
    outside = torch.ones_like(moved)
    outside[tuple(box)] = False
    borders = once.transpose(0, 1)[outside.transpose(0, 1)].view(once.shape[1], -1)
    if bool((borders != borders[:, :1]).any()):
        return None
    return Frame(source, tuple(low), tuple(high), borders[:, 0], copies)
