"""Moves a BatchNorm up to the convolutions that it belongs to, through operators that treat every channel alike.

MixNet normalises the concatenation of convolutions: 34 of its 49 norms sit there. Scale and shift of each input's
channels can be taken by the convolution that made them; what lies between (concatenations, averages without padding,
nearest upsampling, views that keep the channel axis) passes per-channel numbers through unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.fx import GraphModule, Node

from ghostdeploy import graph as graphs
from ghostdeploy.fusion.read import NORM, Reader, scale_and_shift

aten = torch.ops.aten


@dataclass(frozen=True, eq=False)
class Home:
    """A tensor that can take channels [first, first + channels of it) of a norm, channels along `axis`."""

    node: Node
    axis: int
    first: int


@dataclass(frozen=True, eq=False)
class Hoisted:
    """How many norms moved, and for each that could have by its place and did not, a sentence why."""

    moved: int
    stuck: dict[Node, str]


class _RefusedError(Exception):
    """Carries the sentence why a norm has to stay where it is."""


def hoist(module: GraphModule, reader: Reader) -> Hoisted:
    """Replace each norm that can move up, in place, by a scale and shift (float64) right behind each of its homes."""
    moved, refused = 0, dict[Node, str]()
    for norm in list(module.graph.nodes):
        source = norm.args[0] if norm.target == NORM and norm in reader.expressions else None
        if source is None or source.target not in THROUGH:
            continue
        passed: list[Node] = []
        try:
            homes = list(_homes(source, norm, 1, 0, reader, passed))
            if len({h.node for h in homes}) != len(homes):
                raise _RefusedError(f"{source.name} holds the same tensor twice")
        except _RefusedError as why:
            refused[norm] = str(why)
            continue
        numbers = scale_and_shift(reader.constants, norm)
        assert not isinstance(numbers, str)
        for home in homes:
            _scale(module, home, *numbers)
        for node in passed:
            node.meta["computes"] = None            # a value that the original graph never had
        source.meta["computes"] = norm.name
        norm.replace_all_uses_with(source, propagate_meta=False)
        module.graph.erase_node(norm)
        moved += 1
    return Hoisted(moved, refused)


def _homes(node: Node, user: Node, axis: int, first: int, reader: Reader, passed: list[Node]) -> Iterator[Home]:
    """Where the scale of `node`'s channels, from `first` of the norm on, can go; `user` is who asks.

    The operators on the way are appended to `passed`.
    """
    if any(other is not user for other in node.users):
        raise _RefusedError(f"{node.name} is also read by {next(o for o in node.users if o is not user).name}")
    known = reader.expressions.get(node)
    takes = known is not None and known.has_convolution and known.axis == axis and known.lone_identities == 0
    if takes and node.target not in THROUGH:
        yield Home(node, axis, first)
        return
    if node.target not in THROUGH:
        raise _RefusedError(f"{node.name} is not the result of a convolution, so nothing there can take a scale")
    passed.append(node)
    for source, source_axis, offset in THROUGH[node.target](node, axis):
        yield from _homes(source, node, source_axis, first + offset, reader, passed)


def _scale(module: GraphModule, home: Home, k: torch.Tensor, shift: torch.Tensor) -> None:
    channels = graphs.shape(home.node)[home.axis]
    shape = [1] * len(graphs.shape(home.node))
    shape[home.axis] = channels
    users, own = list(home.node.users), slice(home.first, home.first + channels)
    with module.graph.inserting_after(home.node):
        scale = graphs.new_constant(module, "hoisted_scale", k[own].view(shape))
    with module.graph.inserting_after(scale):
        offset = graphs.new_constant(module, "hoisted_shift", shift[own].view(shape))
    with module.graph.inserting_after(offset):
        scaled = module.graph.call_function(aten.mul.Tensor, (home.node, scale))
    with module.graph.inserting_after(scaled):
        shifted = module.graph.call_function(aten.add.Tensor, (scaled, offset))
    scaled.meta["val"] = shifted.meta["val"] = home.node.meta["val"]
    for user in users:
        user.replace_input_with(home.node, shifted)


# ---- operators that pass per-channel numbers through: their inputs, each with its channel axis and first channel -----

Inputs = list[tuple[Node, int, int]]


def _concatenation(node: Node, axis: int) -> Inputs:
    along = graphs.argument(node, 1, 0) % len(graphs.shape(node))
    first, inputs = 0, list[tuple[Node, int, int]]()
    for part in node.args[0]:  # type: ignore[union-attr]
        assert isinstance(part, Node)
        inputs.append((part, axis, first))
        first += graphs.shape(part)[axis] if along == axis else 0
    return inputs


def _average_pool(node: Node, axis: int) -> Inputs:
    padded, counts = any(graphs.argument(node, 3, [0])), node.args[5] if len(node.args) > 5 else True
    if axis != 1 or (padded and counts) or graphs.argument(node, 6, None) is not None:
        raise _RefusedError(f"{node.name} averages padding, which is zero before a shift and not after it")
    return [(node.args[0], 1, 0)]  # type: ignore[list-item]


def _same_axis(node: Node, axis: int) -> Inputs:
    if axis != 1 or len(graphs.shape(node)) != 4:
        raise _RefusedError(f"{node.name} does not keep channels along one axis")
    return [(node.args[0], 1, 0)]  # type: ignore[list-item]


def _mean(node: Node, axis: int) -> Inputs:
    source = node.args[0]
    assert isinstance(source, Node)
    rank = len(graphs.shape(source))
    averaged = {d % rank for d in graphs.argument(node, 1, list(range(rank)))}
    if rank < 3 or axis != 1 or averaged & {0, 1}:
        raise _RefusedError(f"{node.name} averages over more than positions")
    return [(source, 1, 0)]


def _view(node: Node, axis: int) -> Inputs:
    source = node.args[0]
    assert isinstance(source, Node)
    old, new = graphs.shape(source), graphs.shape(node)
    unit_tail = old[:2] == new[:2] and set(old[2:]) <= {1} and set(new[2:]) <= {1}
    if axis == 1 and unit_tail:
        return [(source, 1, 0)]
    if axis == len(new) - 1 and old[-1] == new[-1]:
        return [(source, len(old) - 1, 0)]
    raise _RefusedError(f"{node.name} does not keep channels along one axis")


THROUGH = {aten.cat.default: _concatenation, aten.avg_pool2d.default: _average_pool, aten.mean.dim: _mean,
           aten.adaptive_avg_pool2d.default: _same_axis, aten.upsample_nearest2d.vec: _same_axis,
           aten.view.default: _view}
