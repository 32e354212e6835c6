"""Channel shuffles, inside the weights of the convolutions that read them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.alternative import ACTIVATIONS, activated_again
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace
from ghostdeploy.lowering.passes.channel_routes import TURNS, Run, moves, region, route, runs
from ghostdeploy.lowering.passes.concatenation import WIDEST
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise, unknown_weights

# Most pieces of one map. ShuffleNetV2's last map of eight blocks has nine; what more cost was not measured.
MOST = 16


class ShuffleIntoWeights(Rewrite):
    """Lets a convolution read shuffled channels from where they were computed, in the order in which they lie there.

    A convolution of one group sums over its channels, in whatever order its weights name them; channels do not meet in
    depthwise convolutions and activations on the way to it. In ShuffleNetV2 every half of a shuffled map is then a few
    whole ranges of the channels of earlier blocks, and neither a shuffle nor a concatenation of both halves is left.
    Only the order of a float32 sum changes. ShuffleNetV2 1.0x: 60.1 instead of 65.3 M ARM instructions as `.tflite`,
    72.0 instead of 74.3 as `.pte`.
    """

    name = "shuffle-into-weights"

    def matches(self, node: Node) -> bool:
        """A map that is shuffled on the way from where it was computed to something that computes with it."""
        return (moves(node) and isinstance(node.meta["val"], torch.Tensor) and node.meta["val"].dim() == 4
                and any(not moves(reader) for reader in node.users)
                and any(moved.target in TURNS for moved in region(node)))

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Every reader must not care for the order of channels, here and wherever else the shuffles lead."""
        shuffles = [moved for moved in region(node) if moved.target in TURNS]
        for reader, read in _readers(shuffles):
            path = _path(reader, read)
            if not path:
                return f"{reader.name} reads channels in their order: the shuffle would have to be made all the same"
            if any(unknown_weights(module, step) for step in path if step.target is aten.conv2d.default):
                return f"weights on the way from it to {path[-1].name} are computed from the input"
        channels = route(node)
        if channels is None:
            return "its channels are not whole channels of other maps"
        if len(set(channels)) < len(channels):
            return "one channel is read twice"
        return None if len(runs(channels)) <= MOST else f"it would be joined from more than {MOST} pieces"

    def apply(self, module: GraphModule, node: Node) -> None:
        """Join what is read, in the order of its pieces; then every reader with its weights in that order."""
        channels = route(node)
        assert channels is not None
        pieces = runs(channels)
        places = {origin: place for place, origin in enumerate(channels)}
        order = [places[piece.source, channel] for piece in pieces for channel in range(piece.low, piece.high)]
        joined = _joined(module, pieces)
        for reader in [reader for reader in node.users if not moves(reader)]:
            value = joined
            for step in _path(reader, node):
                with module.graph.inserting_before(step):
                    fresh = _reordered(module, step, value, order)
                    replace(step, fresh)
                value = fresh


def _readers(shuffles: list[Node]) -> Iterator[tuple[Node, Node]]:
    """Whatever computes with values that come out of `shuffles`, and the node that it reads."""
    seen = list(shuffles)
    for moved in seen:
        for reader in moved.users:
            if not moves(reader):
                yield reader, moved
            elif reader not in seen:
                seen.append(reader)


def _path(reader: Node, read: Node) -> list[Node]:
    """From what reads the map `read` to the convolution of one group that sums over its channels; [] if none does."""
    path = [reader]
    while _keeps_channels_apart(path[-1]) and len(path[-1].users) == 1:
        path.append(next(iter(path[-1].users)))
    last, before = path[-1], path[-2] if len(path) > 1 else read
    sums = (last.target is aten.conv2d.default and argument(last, 6, 1) == 1 and last.args[0] is before
            and read.meta["val"].dim() == 4)
    return path if sums else []


def _keeps_channels_apart(node: Node) -> bool:
    return node.target in ACTIVATIONS or (is_depthwise(node) and shape(node)[1] == shape(operand(node))[1])


def _joined(module: GraphModule, pieces: list[Run]) -> Node:
    """One map of all pieces, narrow ones joined first: what is joined twice is little."""
    parts = [piece.source if piece.width == shape(piece.source)[1]
             else emit(module, aten.slice.Tensor, piece.source, 1, piece.low, piece.high) for piece in pieces]
    while len(parts) > 1:
        most = len(parts) if len(parts) <= WIDEST else min(WIDEST, len(parts) - WIDEST + 1)
        parts = [emit(module, aten.cat.default, parts[:most], 1), *parts[most:]]
    return parts[0]


def _reordered(module: GraphModule, step: Node, value: Node, order: list[int]) -> Node:
    """`step` on channels in another order: an activation, a depthwise convolution, or the one that sums over them."""
    if step.target in ACTIVATIONS:
        return activated_again(module, step, value)
    weight, bias = constant(module, step.args[1]), constant(module, argument(step, 2, None))
    assert weight is not None
    groups = argument(step, 6, 1)
    apart = groups != 1
    weights = new_constant(module, f"{step.name}_weight", weight[order] if apart else weight[:, order])
    biases = None if bias is None else new_constant(module, f"{step.name}_bias", bias[order] if apart else bias)
    return emit(module, aten.conv2d.default, value, weights, biases, *geometry(step), groups)
