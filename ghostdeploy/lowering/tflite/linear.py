"""Matrix products: with constants FULLY_CONNECTED, between computed tensors BATCH_MATMUL."""

from __future__ import annotations

import math

import torch
from ai_edge_litert import schema_py_generated as schema
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.convolution import parameters
from ghostdeploy.lowering.tflite.emission import ACTIVATION, Emission
from ghostdeploy.lowering.tflite.layout import Order, identity, last
from ghostdeploy.lowering.tflite.registry import emits


@emits(aten.linear.default)
def linear(e: Emission, node: Node) -> None:
    """`linear`: contracts the last axis; the others may lie as they like."""
    source, weight = node.args[0], e.constant(node.args[1])
    assert isinstance(source, Node)
    if weight is None:
        raise e.refusal(node, "its weight is computed from the input", "use matmul for products of computed tensors")
    bias = e.constant(graph.argument(node, 2, None))
    _matrix_product(e, node, source, weight, bias)


@emits(aten.addmm.default)
def addmm(e: Emission, node: Node) -> None:
    """`addmm(bias, x, weight^T)`, another form of linear."""
    bias, source, weight = e.constant(node.args[0]), node.args[1], e.constant(node.args[2])
    assert isinstance(source, Node)
    if weight is None or bias is None or bias.dim() != 1 or node.kwargs:
        raise e.refusal(node, "only a constant matrix and a constant vector are written", "use a Linear layer")
    _matrix_product(e, node, source, weight.t(), bias)


@emits(aten.matmul.default, aten.mm.default, aten.bmm.default)
def matmul(e: Emission, node: Node) -> None:
    """Products of two tensors of equal rank, or of a tensor with a constant matrix on the right."""
    left, right = node.args[0], node.args[1]
    assert isinstance(left, Node)
    assert isinstance(right, Node)
    weight = e.constant(right)
    if weight is not None and weight.dim() == 2:
        _matrix_product(e, node, left, weight.t(), None)
        return
    ranks = {len(graph.shape(x)) for x in (left, right)}
    if len(ranks) != 1 or min(ranks) < 2:
        raise e.refusal(node, f"a product of ranks {graph.shape(left)} and {graph.shape(right)} is not written",
                        "give both factors the same rank")
    order = identity(len(graph.shape(node)))
    multiply(e, e.read(left, order), e.read(right, order), e.write(node, order))


def multiply(e: Emission, left: int, right: int, out: int | None = None, transposed: bool = False) -> int:
    """BATCH_MATMUL of stored tensors; `transposed`: of `left` and `right`^T."""
    a, b = e.writer.shape(left), e.writer.shape(right)
    result = e.writer.tensor("matmul", (*a[:-1], b[-2 if transposed else -1])) if out is None else out
    e.writer.operator("BATCH_MATMUL", [left, right], [result], "BatchMatMulOptions", adjX=False, adjY=transposed)
    return result


def fully_connected(e: Emission, x: int, weight: int, bias: int, out: int, activation: int = ACTIVATION.NONE) -> None:
    """FULLY_CONNECTED over the last stored axis, keeping the others."""
    wide = len(e.writer.shape(x)) > 2
    e.writer.operator("FULLY_CONNECTED", [x, weight, bias], [out], "FullyConnectedOptions",
                      versions.FULLY_CONNECTED_KEEPS_AXES if wide else 1, keepNumDims=wide,
                      fusedActivationFunction=activation)


def _matrix_product(e: Emission, node: Node, source: Node, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
    order: Order = last(e.order(source), len(graph.shape(source)) - 1)
    x = e.read(source, order)
    activation, result = e.activation(node)
    bias = torch.zeros(weight.shape[0]) if bias is None else bias
    if e.int8:
        _as_convolution(e, node, x, weight, bias, e.write(result, order))
        return
    fully_connected(e, x, e.weight(weight, f"{node.name}_weight"), e.weight(bias, f"{node.name}_bias"),
                    e.write(result, order), activation)


def _as_convolution(e: Emission, node: Node, x: int, weight: torch.Tensor, bias: torch.Tensor, out: int) -> None:
    """A 1x1 CONV_2D over a row of pixels: TFLite 2.14 gives FULLY_CONNECTED one scale for all channels, and keeps one
    with a scale each outside of XNNPACK."""
    shape = e.writer.shape(x)
    row = e.reshape(x, (1, 1, math.prod(shape[:-1]), shape[-1]))
    kernel, offset = parameters(e, node, row, weight[:, :, None, None], bias, (0, 2, 3, 1))
    result = e.writer.like(out, "row", (*e.writer.shape(row)[:-1], weight.shape[0]))
    e.writer.operator("CONV_2D", [row, kernel, offset], [result], "Conv2DOptions", padding=schema.Padding.VALID,
                      strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1,
                      fusedActivationFunction=ACTIVATION.NONE)
    e.reshape(result, e.writer.shape(out), out)
