"""Resizing maps, exactly as ATen does it.

RESIZE_NEAREST_NEIGHBOR is never written: XNNPACK does not take it, and its rounding is not ATen's floor(i * scale) at
factors that are no integers. An integer factor is a broadcast product over 5 axes instead: with the gate that follows
(x * up(gate), all of GhostNet's attention) if there is one, else with ones. Any other factor is a matrix of zeros and
ones per axis, whose row i has its one where ATen itself reads from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import operand
from ghostdeploy.lowering.passes.nearest_index import NEAREST, source_indices
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.emission import ACTIVATION, Emission
from ghostdeploy.lowering.tflite.layout import NHWC
from ghostdeploy.lowering.tflite.registry import emits
from ghostdeploy.lowering.tflite.writer import Array

PRODUCTS = (aten.mul.Tensor,)
WHOLE_MATRIX = 4096  # entries: up to here (3x3 -> 7x7 has 441) one matrix over all pixels saves a TRANSPOSE


@emits(*NEAREST)
def nearest(e: Emission, node: Node) -> None:
    """Nearest-neighbour upsampling of a map."""
    if only_gates(node):
        return  # every user is a product that broadcasts the small map itself
    factors = _factors(node)
    if factors is not None:
        c = graph.shape(node)[1]
        ones = e.array(np.ones((1, factors[0], 1, factors[1], 1)))
        _broadcast(e, node, ones, _small(e, node), c)
        return
    _by_matrices(e, node)


def multiply_upsampled(e: Emission, node: Node) -> bool:
    """Write `x * upsample(gate)` as one broadcast product, if `node` is that; says whether it was."""
    gate = upsampled_gate(node)
    if gate is None:
        return False
    other: Any = node.args[1] if node.args[0] is gate else node.args[0]
    factors = _factors(gate)
    assert factors is not None
    n, c, h, w = graph.shape(operand(gate))
    x = e.reshape(e.read(other, NHWC), (n * h, factors[0], w, factors[1], c))
    activation, result = e.activation(node)
    _broadcast(e, result, x, _small(e, gate), c, activation)
    return True


@emits(aten.upsample_bilinear2d.vec, aten.upsample_bilinear2d.default)
def bilinear(e: Emission, node: Node) -> None:
    """Bilinear resizing; ATen's align_corners=False is what TFLite calls half-pixel centres."""
    corners = bool(graph.argument(node, 2, False))
    size = e.integers(graph.shape(node)[2:])
    e.writer.operator("RESIZE_BILINEAR", [e.read(operand(node), NHWC), size], [e.write(node, NHWC)],
                      "ResizeBilinearOptions", 1 if corners else versions.BILINEAR_HALF_PIXEL,
                      alignCorners=corners, halfPixelCenters=not corners)


def only_gates(node: Node) -> bool:
    """Is the upsampled map never needed by itself?"""
    return all(upsampled_gate(user) is node for user in node.users)


def upsampled_gate(node: Node) -> Node | None:
    """The upsampled operand of a product that can be broadcast over it, if `node` is such a product."""
    if node.target not in PRODUCTS:
        return None
    for gate, other in (node.args[:2], node.args[1::-1]):
        if (isinstance(gate, Node) and gate.target in NEAREST and isinstance(other, Node) and other is not gate
                and graph.shape(other) == graph.shape(gate) and _factors(gate) is not None):
            return gate
    return None


def _factors(node: Node) -> tuple[int, int] | None:
    """Integer factors of an upsampling that repeats every pixel equally often, else None."""
    rows, columns = source_indices(node)
    (h, w), (oh, ow) = graph.shape(operand(node))[2:], graph.shape(node)[2:]
    if oh % h or ow % w:
        return None
    repeats = rows == [i // (oh // h) for i in range(oh)] and columns == [i // (ow // w) for i in range(ow)]
    return (oh // h, ow // w) if repeats else None


def _small(e: Emission, node: Node) -> int:
    """The map before upsampling, as [n * h, 1, w, 1, c]."""
    n, c, h, w = graph.shape(operand(node))
    return e.reshape(e.read(operand(node), NHWC), (n * h, 1, w, 1, c))


def _broadcast(e: Emission, node: Node, wide: int, small: int, channels: int,
               activation: int = ACTIVATION.NONE) -> None:
    n, _, oh, ow = graph.shape(node)
    shape = tuple(np.broadcast_shapes(e.writer.shape(wide), e.writer.shape(small)))
    product = e.binary("MUL", wide, small, e.declare(node, "product", shape), activation)
    e.reshape(product, (n, oh, ow, channels), e.write(node, NHWC))


def _by_matrices(e: Emission, node: Node) -> None:
    """FULLY_CONNECTED with one-hot rows contracts the last axis, so pixels go last and come back."""
    n, c, h, w = graph.shape(operand(node))
    _, _, oh, ow = graph.shape(node)
    rows, columns = source_indices(node)
    x = e.read(operand(node), NHWC)
    if h * w * oh * ow <= WHOLE_MATRIX:
        x = e.transpose(e.reshape(x, (n, h * w, c)), (0, 2, 1))
        x = _matrix(e, x, [r * w + k for r in rows for k in columns], h * w)
        x = e.transpose(x, (0, 2, 1))
    else:
        x = _matrix(e, e.transpose(x, (0, 2, 3, 1)), rows, h)  # [n, w, c, oh]
        x = _matrix(e, e.transpose(x, (0, 3, 2, 1)), columns, w)  # [n, oh, c, ow]
        x = e.transpose(x, (0, 1, 3, 2))
    e.reshape(x, (n, oh, ow, c), e.write(node, NHWC))


def _matrix(e: Emission, x: int, picks: list[int], size: int) -> int:
    one_hot: Array = np.zeros((len(picks), size), np.float32)
    one_hot[np.arange(len(picks)), picks] = 1
    shape = e.writer.shape(x)
    out = e.writer.tensor("picked", (*shape[:-1], len(picks)))
    bias = e.array(np.zeros(len(picks)))
    e.writer.operator("FULLY_CONNECTED", [x, e.array(one_hot), bias], [out], "FullyConnectedOptions",
                      versions.FULLY_CONNECTED_KEEPS_AXES, keepNumDims=True)
    return out
