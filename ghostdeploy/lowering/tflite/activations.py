"""Functions of one tensor, elementwise.

Written with operators that XNNPACK takes in TFLite 2.14: there is no delegated RELU_0_TO_1, RSQRT, EXP or LOG there,
so hard-sigmoid is RELU6(x + 3) / 6 and a reciprocal root is a division. GELU has a file of its own.
"""

from __future__ import annotations

import math

from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite.emission import Emission, clamp_range
from ghostdeploy.lowering.tflite.registry import emits

SIMPLE = {
    aten.relu.default: ("RELU", None), aten.relu6.default: ("RELU6", None), aten.sigmoid.default: ("LOGISTIC", None),
    aten.tanh.default: ("TANH", None), aten.hardswish.default: ("HARD_SWISH", "HardSwishOptions"),
    aten.abs.default: ("ABS", "AbsOptions"), aten.neg.default: ("NEG", "NegOptions"),
    aten.exp.default: ("EXP", "ExpOptions"),
    aten.log.default: ("LOG", None), aten.sqrt.default: ("SQRT", None), aten.floor.default: ("FLOOR", None),
    aten.ceil.default: ("CEIL", None), aten.round.default: ("ROUND", None),
}


@emits(*SIMPLE)
def simple(e: Emission, node: Node) -> None:
    """One ATen operator, one TFLite operator."""
    name, options = SIMPLE[node.target]
    x, out = through(e, node)
    e.unary(name, x, out, options)


@emits(aten.hardtanh.default, aten.clamp.default)
def clamp(e: Emission, node: Node) -> None:
    """Bounds below, above or both; RELU, RELU6 and RELU_N1_TO_1 where they say the same."""
    low, high = clamp_range(node)
    x, out = through(e, node)
    name = {(0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1", (0.0, math.inf): "RELU"}.get((low, high))
    if name is not None:
        e.unary(name, x, out)
    elif high == math.inf:
        e.binary("MAXIMUM", x, e.scalar(low), out)
    elif low == -math.inf:
        e.binary("MINIMUM", x, e.scalar(high), out)
    else:
        e.binary("MINIMUM", e.binary("MAXIMUM", x, e.scalar(low)), e.scalar(high), out)


@emits(aten.silu.default)
def silu(e: Emission, node: Node) -> None:
    """x * sigmoid(x)."""
    x, out = through(e, node)
    e.binary("MUL", x, e.unary("LOGISTIC", x), out)


@emits(aten.leaky_relu.default)
def leaky_relu(e: Emission, node: Node) -> None:
    """Slope below zero."""
    x, out = through(e, node)
    e.unary("LEAKY_RELU", x, out, "LeakyReluOptions", alpha=float(graph.argument(node, 1, 0.01)))


@emits(aten.elu.default)
def elu(e: Emission, node: Node) -> None:
    """ELU with all its scales at 1."""
    if any(float(graph.argument(node, i, 1.0)) != 1.0 for i in (1, 2, 3)):
        raise e.refusal(node, "TFLite's ELU has no alpha and no scale", "use alpha 1, or another activation")
    x, out = through(e, node)
    e.unary("ELU", x, out)


@emits(aten.prelu.default)
def prelu(e: Emission, node: Node) -> None:
    """A learned slope, one for all channels or one each."""
    slope = e.constant(node.args[1])
    if slope is None:
        raise e.refusal(node, "its slope is computed from the input", "make the slope a parameter")
    rank = len(graph.shape(node))
    x, out = through(e, node)
    source = node.args[0]
    assert isinstance(source, Node)
    wide = slope.reshape([1, -1] + [1] * (rank - 2)) if rank > 1 else slope
    channels = wide.expand(1, graph.shape(node)[1], *[1] * (rank - 2)) if rank > 1 else slope
    e.writer.operator("PRELU", [x, e.array(channels.permute(e.order(source)).squeeze(0).numpy())], [out])


@emits(aten.rsqrt.default, aten.reciprocal.default)
def reciprocal(e: Emission, node: Node) -> None:
    """1 / x and 1 / sqrt(x)."""
    x, out = through(e, node)
    e.binary("DIV", e.scalar(1.0), e.unary("SQRT", x) if node.target is aten.rsqrt.default else x, out)


@emits(aten.pow.Tensor_Scalar)
def power(e: Emission, node: Node) -> None:
    """Powers that are a product, a root or a quotient."""
    exponent = float(node.args[1])  # type: ignore[arg-type]
    x, out = through(e, node)
    if exponent == 2.0:
        e.binary("MUL", x, x, out)
    elif exponent == 0.5:
        e.unary("SQRT", x, out)
    elif exponent == -1.0:
        e.binary("DIV", e.scalar(1.0), x, out)
    else:
        raise e.refusal(node, f"the power {exponent} is not written", "use a power of 2, 0.5 or -1")


def through(e: Emission, node: Node) -> tuple[int, int]:
    """Input and output tensors of an operator that leaves everything where it lies."""
    source = node.args[0]
    assert isinstance(source, Node)
    order = e.order(source)
    return e.read(source, order), e.write(node, order)
