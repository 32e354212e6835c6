"""Layer norm, group norm and leftover batch norms, and softmax.

Layer norm is written with operators that XNNPACK takes in TFLite 2.14, where MEAN over the last axis and RSQRT are
not: a mean over the last axis is a FULLY_CONNECTED with one row of 1/n, and the epsilon is that layer's bias.
"""

from __future__ import annotations

from math import prod

import numpy as np
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.half_squares import before_squaring
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.layout import NHWC, identity, last
from ghostdeploy.lowering.tflite.linear import fully_connected
from ghostdeploy.lowering.tflite.reduction import reduce_rows
from ghostdeploy.lowering.tflite.registry import emits


@emits(aten.layer_norm.default)
def layer_norm(e: Emission, node: Node) -> None:
    """Normalisation over the last axes."""
    source = node.args[0]
    assert isinstance(source, Node)
    shape, rank = graph.shape(source), len(graph.shape(source))
    normalized: list[int] = list(node.args[1])  # type: ignore[arg-type]
    order = last(e.order(source), rank - 1) if len(normalized) == 1 else identity(rank)
    x = e.read(source, order)
    kept = e.writer.shape(x)
    flat = e.reshape(x, (*kept[: rank - len(normalized)], prod(shape[rank - len(normalized):])))
    y = e.reshape(_normalise(e, flat, float(graph.argument(node, 4, 1e-5))), kept)
    e.keep(node, _scaled(e, node, y), order)


@emits(aten.group_norm.default)
def group_norm(e: Emission, node: Node) -> None:
    """Normalisation of a whole map (one group); more groups are refused."""
    source = node.args[0]
    assert isinstance(source, Node)
    if node.args[1] != 1 or len(graph.shape(source)) != 4:
        raise e.refusal(node, f"group norm with {node.args[1]} groups is not written, only with one", "use one group")
    x = e.read(source, NHWC)
    epsilon = float(graph.argument(node, 4, 1e-5))
    centred, epsilon = _shrunk(e, e.binary("SUB", x, _row_mean(e, reduce_rows(e, x), 0.0)), epsilon)
    variance = _row_mean(e, reduce_rows(e, e.binary("MUL", centred, centred)), epsilon)
    y = e.binary("DIV", centred, e.unary("SQRT", variance))
    e.keep(node, _scaled(e, node, y), NHWC)


@emits(aten.batch_norm.default)
def batch_norm(e: Emission, node: Node) -> None:
    """A batch norm that fusion had to leave: a product and a sum, computed in float64."""
    source = node.args[0]
    assert isinstance(source, Node)
    weight, bias, mean, variance = (e.constant(graph.argument(node, i, None)) for i in (1, 2, 3, 4))
    if mean is None or variance is None or node.args[5]:
        raise e.refusal(node, "a batch norm in training mode has no constant statistics", "call eval() on the model")
    scale = (variance.double() + float(graph.argument(node, 7, 1e-5))).rsqrt()
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() * scale if bias is None else bias.double() - mean.double() * scale
    order = last(e.order(source), 1)
    y = e.binary("MUL", e.read(source, order), e.array(scale.numpy()))
    e.binary("ADD", y, e.array(shift.numpy()), e.write(node, order))


@emits(aten.softmax.int, aten._softmax.default)
def softmax(e: Emission, node: Node) -> None:
    """SOFTMAX over the last stored axis."""
    source = node.args[0]
    assert isinstance(source, Node)
    order = last(e.order(source), graph.argument(node, 1, -1) % len(graph.shape(source)))
    e.unary("SOFTMAX", e.read(source, order), e.write(node, order), "SoftmaxOptions", beta=1.0)


def _normalise(e: Emission, x: int, epsilon: float) -> int:
    centred, epsilon = _shrunk(e, e.binary("SUB", x, _row_mean(e, x, 0.0)), epsilon)
    variance = _row_mean(e, e.binary("MUL", centred, centred), epsilon)
    return e.binary("DIV", centred, e.unary("SQRT", variance))


def _shrunk(e: Emission, centred: int, epsilon: float) -> tuple[int, float]:
    """Both so small that the square fits into the float16 that the delegate may compute in."""
    by = before_squaring(epsilon) if e.precision == "fp16" else 1.0
    return (centred if by == 1 else e.binary("MUL", centred, e.scalar(by))), epsilon * by ** 2


def _scaled(e: Emission, node: Node, y: int) -> int:
    """`y` times the node's weight plus its bias, where it has them."""
    for name, index in (("MUL", 2), ("ADD", 3)):
        value = e.constant(graph.argument(node, index, None))
        y = y if value is None else e.binary(name, y, e.array(value.numpy()))
    return y


def _row_mean(e: Emission, x: int, plus: float) -> int:
    """Mean over the last stored axis, which stays with length 1, plus a constant."""
    shape = e.writer.shape(x)
    out = e.writer.tensor("row_mean", (*shape[:-1], 1))
    fully_connected(e, x, e.array(np.full((1, shape[-1]), 1 / shape[-1])), e.array(np.full(1, plus)), out)
    return out
