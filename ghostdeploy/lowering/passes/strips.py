"""An expansion, the depthwise convolution behind it and the projection behind that, computed in strips of rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.alternative import ACTIVATIONS, Alternative, activated
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise, is_pointwise, unknown_weights
from ghostdeploy.lowering.site import Site

# Values of a map, 1 MiB in float32. Of the smaller maps tried (28x28x192, 14x14x384, 56x56x72) none gained on an EPYC
# with 512 KiB of second-level cache; of 16 -> 96 -> 24 channels at 112x112 four and seven strips took the same time.
CACHED: Final = 1 << 18

# Activations that are operators of their own, by the number that stands for them in a site; 0: inside a convolution.
OWN: Final = (None, aten.hardswish.default, aten.silu.default)


@dataclass(frozen=True)
class _Strip:
    """Rows `first` to `end` of the expansion, and how many rows of padding lie above and below them."""

    first: int
    end: int
    above: int
    below: int


class Strips(Alternative):
    """Computes an inverted residual in strips of rows, each from its expansion to its projection before the next: what
    lies between them, the largest map of a network, stays in the cache. Rows that two strips need are computed twice.

    Seen by time alone; instructions get more. `.tflite`, x86, time of the part alone over the plain form, 16 -> 96
    channels at 112x112, stride 2: 0.80 (Xeon) and 0.82 (EPYC, with its projection to 24) in MobileNetV2, 0.74 and 0.94
    with SiLU in EfficientNet-B0; 24 -> 144 -> 24 at 56x56, stride 1: 0.93.
    """

    name = "strips"
    precisions = ("fp32", "fp16")       # int8 maps are a quarter as large, and their PAD costs (`tflite/int8.py`)

    def fits(self, node: Node) -> bool:
        """A depthwise convolution of a 1x1 convolution's map that is too large for the cache, where strips are not."""
        return _chain(node) is not None and _values(operand(node)) > CACHED and bool(_strips(node))

    def site(self, node: Node) -> Site:
        """Height, width, kernel (2), stride (2), channels in, between and out (0: no projection), activations (2)."""
        chain = self.region(node)
        projection = next((each for each in chain[chain.index(node) + 1:] if is_pointwise(each)), None)
        return Site(self.name, (*shape(operand(node))[2:], *shape(operand(node, 1))[2:], *geometry(node)[0],
                                shape(operand(chain[0]))[1], shape(operand(node))[1],
                                0 if projection is None else shape(projection)[1],
                                _own(operand(node)), _own(_activated(node))))

    def region(self, node: Node) -> tuple[Node, ...]:
        """From the expansion to the projection, with their activations."""
        return _chain(node) or (node,)

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known."""
        unknown = any(unknown_weights(module, each) for each in self.region(node)
                      if each.target is aten.conv2d.default)
        return "its weights are computed from the input" if unknown else None

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same operators on every strip, one strip after the other, and their rows joined."""
        chain = self.region(node)
        known = {source: _read_again(module, source) for inner in chain for source in inner.all_input_nodes
                 if source.op == "get_attr"}
        source, joined = operand(chain[0]), []
        for strip in _strips(node):
            copies = {**known, source: emit(module, aten.slice.Tensor, source, 2, strip.first, strip.end)}
            for inner in chain:
                function: Any = inner.target
                args = pytree.tree_map_only(Node, copies.__getitem__, inner.args)
                args = _windowed(module, node, args, strip) if inner is node else args
                copies[inner] = emit(module, function, *args, **inner.kwargs)
            joined.append(copies[chain[-1]])
        replace(chain[-1], emit(module, aten.cat.default, joined, 2))


def _chain(node: Node) -> tuple[Node, ...] | None:
    """The operators from the expansion in front of the depthwise convolution `node` to what its rows go on to alone."""
    if not is_depthwise(node) or geometry(node)[2] != [1, 1]:
        return None
    source = operand(node)
    expansion = operand(source) if source.target in (*ACTIVATIONS, *OWN[1:]) else source
    if not _keeps_pixels(expansion) or _activated(expansion) is not source or len(source.users) > 1:
        return None
    last = _activated(node)
    projection = _only_reader(last)
    tail = (projection, activated(projection)) if projection is not None and _keeps_pixels(projection) else ()
    return tuple(dict.fromkeys((expansion, source, node, last, *tail)))


def _keeps_pixels(node: Node) -> bool:
    return is_pointwise(node) and geometry(node)[:2] == ([1, 1], [0, 0])


def _activated(node: Node) -> Node:
    """The activation that alone reads `node`, an operator of its own or not, else `node` itself."""
    reader = _only_reader(node)
    return reader if reader is not None and reader.target in OWN[1:] else activated(node)


def _only_reader(node: Node) -> Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _own(node: Node) -> int:
    return OWN.index(node.target) if node.target in OWN else 0


def _values(node: Node) -> int:
    return int(node.meta["val"].numel())


def _strips(node: Node) -> tuple[_Strip, ...]:
    """The fewest strips of which each fits into the cache; none if a single row of results needs more."""
    rows = shape(node)[2]
    values_of_row = _values(operand(node)) // shape(operand(node))[2]
    for count in range(2, rows + 1):
        bounds = [round(at * rows / count) for at in range(count + 1)]
        strips = tuple(_strip(node, *ends) for ends in pairwise(bounds))
        if max(strip.end - strip.first for strip in strips) * values_of_row <= CACHED:
            return strips
    return ()


def _strip(node: Node, low: int, high: int) -> _Strip:
    """What the rows `low` to `high` of a convolution read."""
    stride, padding, _ = geometry(node)
    height, kernel = shape(operand(node))[2], shape(operand(node, 1))[2]
    first, end = low * stride[0] - padding[0], (high - 1) * stride[0] - padding[0] + kernel
    return _Strip(max(first, 0), min(end, height), max(-first, 0), max(end - height, 0))


def _windowed(module: GraphModule, node: Node, args: tuple[Any, ...], strip: _Strip) -> tuple[Any, ...]:
    """The depthwise convolution's arguments for a strip: padded at the sides, and above or below where the map ends."""
    stride, (_, side), dilation = geometry(node)
    value, padding = args[0], [0, side]
    if strip.above or strip.below:
        value = emit(module, aten.constant_pad_nd.default, value, [side, side, strip.above, strip.below], 0.0)
        padding = [0, 0]
    return (value, args[1], args[2] if len(args) > 2 else None, stride, padding, dilation, *args[6:])


def _read_again(module: GraphModule, source: Node) -> Node:
    """The same constant, read here: the node of a projection's weights may come later."""
    again = module.graph.get_attr(str(source.target))
    again.meta.update(source.meta)
    return again
