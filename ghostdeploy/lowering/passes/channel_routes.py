"""Where each channel of a map comes from, through whatever only moves values about."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.fx import Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.split_slices import SPLITS

TURNS: Final = (aten.transpose.int, aten.permute.default)
MOVES: Final = (*TURNS, *SPLITS, aten.view.default, aten.reshape.default, aten._unsafe_view.default, aten.clone.default,
                aten.contiguous.default, aten.cat.default, aten.slice.Tensor, operator.getitem)


@dataclass(frozen=True)
class Run:
    """Channels `low` to `high`, without the latter, of `source`."""

    source: Node
    low: int
    high: int

    @property
    def width(self) -> int:
        """How many channels."""
        return self.high - self.low


def moves(node: Node) -> bool:
    """Does `node` only move values, computing none?"""
    return node.target in MOVES


def region(node: Node) -> list[Node]:
    """`node` and all that it reads through moves alone, in the order in which they run; [] if it moves nothing."""
    found: dict[Node, None] = {}

    def visit(reached: Node) -> None:
        if reached not in found and moves(reached):
            for source in reached.all_input_nodes:
                visit(source)
            found[reached] = None

    visit(node)
    return list(found)


def route(node: Node) -> list[tuple[Node, int]] | None:
    """For each channel of the map `node`: the map that it comes from, which no move makes, and its channel there.

    Found by moving numbers instead of values, a number for every pixel of every channel. None where a channel is not
    one channel of one map, each pixel where it was: a square map turned over is of one channel, too.
    """
    inside = region(node)
    sources = list(dict.fromkeys(s for moved in inside for s in moved.all_input_nodes if s not in inside))
    if any(not isinstance(s.meta.get("val"), torch.Tensor) or not _same_pixels(s, node) for s in sources):
        return None
    origins = [(source, channel) for source in sources for channel in range(shape(source)[1])]
    numbers = dict(zip(sources, _numbers(sources), strict=True))
    known: dict[Node, Any] = dict(numbers)
    for moved in inside:
        known[moved] = _moved(moved, known)
    labels: torch.Tensor = known[node]
    pixels = _pixels(shape(node))
    channels = labels[:1, :, :1, :1] // pixels.numel()
    in_place = torch.equal(labels, channels * pixels.numel() + pixels)
    return [origins[channel] for channel in channels.flatten().tolist()] if in_place else None


def runs(channels: list[tuple[Node, int]]) -> list[Run]:
    """The same channels in as few pieces as can be, the widest last; the order among them is ours to choose."""
    places = {source: place for place, source in enumerate(dict.fromkeys(source for source, _ in channels))}
    found: list[Run] = []
    for source, channel in sorted(channels, key=lambda origin: (places[origin[0]], origin[1])):
        if found and found[-1].source is source and found[-1].high == channel:
            found[-1] = Run(source, found[-1].low, channel + 1)
        else:
            found.append(Run(source, channel, channel + 1))
    return sorted(found, key=lambda run: run.width)


def _numbers(sources: list[Node]) -> Iterator[torch.Tensor]:
    start = 0
    for source in sources:
        end, pixels = start + shape(source)[1], _pixels(shape(source))
        yield torch.arange(start, end).view(1, -1, 1, 1) * pixels.numel() + pixels
        start = end


def _pixels(of: tuple[int, ...]) -> torch.Tensor:
    """A number for every pixel of a batch, [N, 1, H, W]."""
    batch, _, height, width = of
    return torch.arange(batch * height * width).view(batch, 1, height, width)


def _moved(node: Node, known: dict[Node, Any]) -> Any:
    target: Any = aten.reshape.default if node.target is aten.view.default else node.target
    return target(*torch.fx.node.map_arg(node.args, known.__getitem__),
                  **torch.fx.node.map_arg(node.kwargs, known.__getitem__))


def _same_pixels(source: Node, node: Node) -> bool:
    return len(shape(source)) == 4 and (shape(source)[0], *shape(source)[2:]) == (shape(node)[0], *shape(node)[2:])
