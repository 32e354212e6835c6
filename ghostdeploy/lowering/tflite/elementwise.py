"""Operators of two tensors, elementwise, with ATen's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite.emission import ACTIVATION, Emission
from ghostdeploy.lowering.tflite.layout import NHWC, Order, identity
from ghostdeploy.lowering.tflite.registry import emits
from ghostdeploy.lowering.tflite.upsample import multiply_upsampled

NAMES = {aten.add.Tensor: "ADD", aten.add.Scalar: "ADD", aten.sub.Tensor: "SUB", aten.sub.Scalar: "SUB",
         aten.rsub.Scalar: "SUB", aten.rsub.Tensor: "SUB", aten.mul.Tensor: "MUL", aten.mul.Scalar: "MUL",
         aten.div.Tensor: "DIV", aten.div.Scalar: "DIV", aten.maximum.default: "MAXIMUM",
         aten.minimum.default: "MINIMUM"}


@emits(*NAMES)
def elementwise(e: Emission, node: Node) -> None:
    """Sum, difference, product, quotient, maximum or minimum."""
    if multiply_upsampled(e, node):
        return
    name = NAMES[node.target]
    left, right = node.args[0], node.args[1]
    if node.target in (aten.rsub.Scalar, aten.rsub.Tensor):
        left, right = right, left
    order = _order(e, node, left, right)
    x, y = operand(e, left, len(order), order), operand(e, right, len(order), order)
    alpha = float(node.kwargs.get("alpha", graph.argument(node, 2, 1)))
    if alpha != 1.0:
        y = e.binary("MUL", y, e.scalar(alpha))
    fuses = name not in ("MAXIMUM", "MINIMUM")
    activation, result = e.activation(node) if fuses else (int(ACTIVATION.NONE), node)
    e.binary(name, x, y, e.write(result, order), activation)


def operand(e: Emission, value: object, rank: int, order: Order) -> int:
    """A tensor of `value` (number, constant or node), aligned at ATen's last axis with a result of this rank."""
    known = e.constant(value)
    if known is not None:
        array = known.to(torch.float32).numpy()
        wide = array.reshape((1,) * (rank - array.ndim) + array.shape)
        return e.array(np.squeeze(wide) if array.size == 1 else wide.transpose(order))
    assert isinstance(value, Node)
    shape = graph.shape(value)
    if len(shape) == rank:
        return e.read(value, order)
    missing = rank - len(shape)
    tensor = e.read(value, tuple(axis - missing for axis in order if axis >= missing))
    return e.reshape(tensor, tuple(1 if axis < missing else shape[axis - missing] for axis in order))


def _order(e: Emission, node: Node, *operands: Any) -> Order:
    """The order in which the operands of full rank lie; a map's order wins over a plain one."""
    rank = len(graph.shape(node))
    found = [e.order(o) for o in operands
             if isinstance(o, Node) and e.constant(o) is None and len(graph.shape(o)) == rank]
    if NHWC in found:
        return NHWC
    return found[0] if found else identity(rank)
