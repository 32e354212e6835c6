"""Convolutions: dense, grouped and depthwise, with the activation behind them fused.

Weights lie as [out, kh, kw, in / groups] (CONV_2D) and [1, kh, kw, out] (DEPTHWISE_CONV_2D).
"""

from __future__ import annotations

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.geometry import Padding, Window, spanned
from ghostdeploy.lowering.tflite.layout import NHWC
from ghostdeploy.lowering.tflite.padding import pad
from ghostdeploy.lowering.tflite.registry import emits
from ghostdeploy.lowering.tflite.writer import Steps

SCHEMES = {Padding.VALID: schema.Padding.VALID, Padding.EXPLICIT: schema.Padding.VALID,
           Padding.SAME: schema.Padding.SAME}


CONVOLUTIONS = (aten.conv2d.default, aten.conv2d.padding)


@emits(*CONVOLUTIONS)
def conv2d(e: Emission, node: Node) -> None:
    """A convolution over a map; its weight must be known now."""
    source, weight = node.args[0], e.constant(node.args[1])
    assert isinstance(source, Node)
    if weight is None:
        raise e.refusal(node, "its weight is computed from the input, and the runtime wants it constant",
                        "export the model in its deployed form")
    window, dilation = window_of(node), graph.pair(graph.argument(node, 5, 1))
    x = padded(e, e.read(source, NHWC), window)
    activation, result = e.activation(node)
    bias = e.constant(graph.argument(node, 2, None))
    bias = torch.zeros(weight.shape[0]) if bias is None else bias
    name, options, layout, fields = _kind(weight, int(graph.argument(node, 6, 1)), graph.shape(source)[1])
    version = fields.pop("version", 1)
    if name == "DEPTHWISE_CONV_2D" and dilation != (1, 1):
        version = versions.DEPTHWISE_DILATED
    inputs = [x, *parameters(e, node, x, weight, bias, layout)]
    e.writer.operator(name, inputs, [e.write(result, NHWC)], options, version, padding=SCHEMES[window.padding],
                      strideH=window.stride[0], strideW=window.stride[1],
                      dilationHFactor=dilation[0], dilationWFactor=dilation[1],
                      fusedActivationFunction=activation, **fields)


def window_of(node: Node) -> Window:
    """The geometry of a convolution."""
    source, weight = node.args[:2]
    assert isinstance(source, Node)
    assert isinstance(weight, Node)
    height, width = graph.shape(weight)[2:]
    kernel = spanned((height, width), graph.pair(graph.argument(node, 5, 1)))
    size, out = graph.shape(source)[2:], graph.shape(node)[2:]
    before = _padding_before(graph.argument(node, 4, 0), kernel)
    return Window((size[0], size[1]), (out[0], out[1]), kernel, graph.pair(graph.argument(node, 3, 1)), before)


def parameters(e: Emission, node: Node, x: int, weight: torch.Tensor, bias: torch.Tensor,
               layout: tuple[int, ...]) -> tuple[int, int]:
    """Weight and bias as constants, the weight [out, ...] permuted to `layout`; in int8 for an `x` in int8."""
    names = f"{node.name}_weight", f"{node.name}_bias"
    found, source = e.plan.weights.get(node), e.writer.steps(x)
    if found is None or source is None:
        return e.weight(weight.permute(layout), names[0]), e.weight(bias, names[1])
    zeros = (0,) * len(found.scales)
    of_weight = Steps(tuple(map(float, found.scales)), zeros, layout.index(0))
    of_bias = Steps(tuple(float(np.float32(scale * source.scales[0])) for scale in found.scales), zeros)
    values = found.values.reshape(tuple(weight.shape)).transpose(layout)    # a linear layer comes as a 1x1 convolution
    return (e.writer.constant(np.ascontiguousarray(values), names[0], of_weight),
            e.writer.constant(found.bias, names[1], of_bias))


def padded(e: Emission, tensor: int, window: Window, value: float = 0.0) -> int:
    """An NHWC tensor with the window's padding around it, if the window cannot express it itself."""
    if window.padding is not Padding.EXPLICIT:
        return tensor
    rows, columns = zip(window.before, window.after, strict=True)
    return pad(e, tensor, [(0, 0), rows, columns, (0, 0)], value)


def _padding_before(padding: object, kernel: tuple[int, int]) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    return graph.pair(padding)  # type: ignore[arg-type]


def _kind(weight: torch.Tensor, groups: int, channels: int) -> tuple[str, str, tuple[int, ...], dict[str, int]]:
    """Operator, its options, how to permute the weight, and fields that only this kind has."""
    if groups > 1 and groups == channels:
        multiplier = {"depthMultiplier": weight.shape[0] // groups}
        return "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", (1, 2, 3, 0), multiplier
    fields = {"version": versions.CONV_GROUPED} if groups > 1 else {}
    return "CONV_2D", "Conv2DOptions", (0, 2, 3, 1), fields
