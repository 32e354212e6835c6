"""Reads a graph: every node that is linear in earlier tensors becomes an `Affine` expression of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ghostdeploy import graph as graphs
from ghostdeploy.fusion.affine import F64, Affine, Branch, identity
from ghostdeploy.fusion.constants import Constants
from ghostdeploy.fusion.frame import Frame, frame_of

aten = torch.ops.aten
CONVOLUTIONS = {aten.conv1d.default, aten.conv2d.default, aten.conv3d.default, aten.conv1d.padding,
                aten.conv2d.padding, aten.conv3d.padding}
POOLS = {aten.avg_pool2d.default, aten.avg_pool3d.default}
NORM = aten.batch_norm.default


class Reader:
    """Expressions of a graph's nodes.

    Attributes:
        expressions: for each linear node its expression, as far back as nobody else needs what is in between. Nodes in
            between keep their sources alone: the weights are in the expression that took them up.
        frames: for each padded tensor that a convolution or pool reads, what it is the padding of.
        unread: for each node that is linear by its kind and was not read, a sentence why.
        shared: (reader, operand): operands kept apart because others read them too.
    """

    def __init__(self, module: GraphModule, constants: Constants) -> None:
        self.constants = constants
        self.expressions: dict[Node, Affine] = {}
        self.frames: dict[Node, Frame] = {}
        self.unread: dict[Node, str] = {}
        self.shared: list[tuple[Node, Node]] = []
        for node in module.graph.nodes:
            handler = HANDLERS.get(node.target) if node.op == "call_function" else None
            if handler is None or constants.value(node) is not None or not is_float(node):
                continue
            expression = handler(self, node)
            if isinstance(expression, Affine):
                self.expressions |= {n: self.expressions[n].sources_alone() for n in expression.inner
                                     if n in self.expressions}
                self.expressions[node] = expression
            elif expression is not None:
                self.unread[node] = expression

    def operand(self, node: Node, axis: int, scaled: bool, reader: Node) -> Affine:
        """The operand's expression where `reader` alone reads it, else the operand as a source.

        A sum that is going to be scaled is only taken apart where a convolution can take the scale: scaling two plain
        tensors costs more than scaling their sum.
        """
        known = self.expressions.get(node)
        if known is not None and known.axis == axis:
            whole = scaled and len(known.terms) > 1 and not (known.has_convolution and known.lone_identities <= 1)
            if len(node.users) == 1 and not whole:
                return known.without(node)
            if len(node.users) > 1 and known.has_convolution:
                self.shared.append((reader, node))
        channels = graphs.shape(node)[axis]
        branch = identity(channels, len(spatial(node, axis)), node.name)
        return Affine(axis, {node: (branch,)}, torch.zeros(channels, dtype=F64))

    def axis_of(self, *nodes: object) -> int:
        """The channel axis of the expression that the nodes share; 1, as for maps, where none of them has one."""
        for node in nodes:
            if isinstance(node, Node) and node in self.expressions and len(node.users) == 1:
                return self.expressions[node].axis
        return 1


def spatial(node: Node, axis: int) -> tuple[int, ...]:
    """Spatial size of a tensor whose channels lie along `axis`: [N, C, *spatial], or none for [..., C]."""
    return graphs.shape(node)[2:] if axis == 1 else ()


def is_float(node: object) -> bool:
    value = node.meta.get("val") if isinstance(node, Node) else None
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def per_channel(value: torch.Tensor | float, shape: tuple[int, ...], default: int) -> tuple[torch.Tensor, int] | None:
    """`value` broadcast to `shape` as one number per channel, and the channel axis; None if it is more than that."""
    if isinstance(value, int | float):
        return torch.full((shape[default],), float(value), dtype=F64), default
    if value.numel() == 1:
        return value.to(F64).expand(shape[default]), default
    axes = [axis - value.dim() + len(shape) for axis, n in enumerate(value.shape) if n != 1]
    if value.dim() > len(shape) or len(axes) != 1 or shape[axes[0]] != value.numel():
        return None
    # [C, L] channels-first and [.., C] channels-last are the two layouts that convolutions and linear layers have.
    return (value.reshape(-1).to(F64), axes[0]) if axes[0] in (1, len(shape) - 1) else None


# ---- one handler per operator: an expression, a sentence why there is none, or None where there is nothing to say ----

Reading = Affine | str | None


def _convolution(r: Reader, n: Node) -> Reading:
    weight, bias = r.constants.value(n.args[1]), r.constants.value(graphs.argument(n, 2, None))
    source = n.args[0]
    if weight is None or not isinstance(source, Node):
        return "its weights are computed from the input"
    rank = weight.dim() - 2
    if len(graphs.shape(source)) != rank + 2:
        return "its input has no batch axis"
    stride, dilation = _numbers(graphs.argument(n, 3, 1), rank), _numbers(graphs.argument(n, 5, 1), rank)
    padding = _padding(graphs.argument(n, 4, 0), tuple(weight.shape[2:]), dilation)
    if padding is None:
        return "padding='same' is not the same on both sides here"
    branch = Branch(weight.to(F64), stride, padding, dilation, graphs.argument(n, 6, 1), False, (n.name,))
    zero = torch.zeros(weight.shape[0], dtype=F64)
    return _framed(r, source, Affine(1, {source: (branch,)}, zero if bias is None else bias.to(F64)))


def _pool(r: Reader, n: Node) -> Reading:
    source, size = n.args[0], graphs.shape(n)
    rank = 2 if n.target == aten.avg_pool2d.default else 3
    if not isinstance(source, Node) or len(size) != rank + 2:
        return "its input has no batch axis"
    kernel = _numbers(n.args[1], rank)
    stride = _numbers(graphs.argument(n, 2, None) or kernel, rank)
    padding = _numbers(graphs.argument(n, 3, 0), rank)
    counts_padding = n.args[5] if len(n.args) > 5 else True
    if any(padding) and not counts_padding:
        return "it averages fewer elements at the border"
    weight = torch.full((size[1], 1, *kernel), 1.0 / (graphs.argument(n, 6, None) or math.prod(kernel)), dtype=F64)
    branch = Branch(weight, stride, padding, (1,) * rank, size[1], False, (n.name,), n)
    if branch.output_size(graphs.shape(source)[2:]) != size[2:]:
        return "ceil_mode makes its last windows smaller"
    return _framed(r, source, Affine(1, {source: (branch,)}, torch.zeros(size[1], dtype=F64)))


def _framed(r: Reader, source: Node, expression: Affine) -> Affine:
    """Explicit zero padding becomes the convolution's own; any other frame is kept for composition."""
    frame = r.frames.get(source) or frame_of(source, r.constants)
    if frame is None:
        return expression
    (branch,) = expression.terms[source]
    if not frame.is_zero_padding:
        r.frames[source] = frame
        return expression
    padding = tuple(p + q for p, q in zip(branch.padding, frame.low, strict=True))
    padded = Branch(branch.weight, branch.stride, padding, branch.dilation, branch.groups, False, branch.parts)
    return Affine(1, {frame.source: (padded,)}, expression.bias, frame.copies)


def _linear(r: Reader, n: Node) -> Reading:
    source = n.args[0]
    weight, bias = r.constants.value(n.args[1]), r.constants.value(graphs.argument(n, 2, None))
    if weight is None or not isinstance(source, Node) or weight.dim() != 2 or len(graphs.shape(source)) < 2:
        return None
    branch = Branch(weight.to(F64), (), (), (), 1, False, (n.name,))
    zero = torch.zeros(weight.shape[0], dtype=F64)
    return Affine(len(graphs.shape(n)) - 1, {source: (branch,)}, zero if bias is None else bias.to(F64))


def scale_and_shift(constants: Constants, n: Node) -> tuple[torch.Tensor, torch.Tensor] | str:
    """What a BatchNorm multiplies each channel by and then adds, or a sentence why it is not that simple."""
    gamma, beta, mean, variance = (constants.value(v) for v in n.args[1:5])
    if n.args[5] or mean is None or variance is None:
        return "it normalises with the statistics of its input, not with stored ones"
    if any(constants.value(v) is None for v in n.args[1:3] if isinstance(v, Node)):
        return "its scale or shift is computed from the input"
    k = (variance + float(n.args[7])).rsqrt()  # type: ignore[arg-type]
    k = k if gamma is None else k * gamma
    shift = (0.0 if beta is None else beta) - mean * k
    limit = torch.finfo(n.meta["val"].dtype).max
    bad = ~((k.abs() <= limit) & (shift.abs() <= limit))
    if bool(bad.any()):
        return f"channel {int(bad.nonzero()[0])} has a scale or shift that is not a finite {n.meta['val'].dtype}"
    return k, shift


def _norm(r: Reader, n: Node) -> Reading:
    numbers = scale_and_shift(r.constants, n)
    if isinstance(numbers, str):
        return numbers
    assert isinstance(n.args[0], Node)
    return r.operand(n.args[0], 1, True, n).scaled(*numbers)


def _add(r: Reader, n: Node) -> Reading:
    a, b = n.args[:2]
    sign = float(n.kwargs.get("alpha", 1)) * (-1.0 if "sub" in n.target.__name__ else 1.0)  # type: ignore
    if _is_map(r, a) and _is_map(r, b):
        assert isinstance(a, Node)
        assert isinstance(b, Node)
        if graphs.shape(a) != graphs.shape(b):
            return None
        axis = r.axis_of(a, b)
        right = r.operand(b, axis, sign != 1.0, n)
        right = right if sign == 1.0 else right.scaled(torch.full((right.channels,), sign, dtype=F64))
        return r.operand(a, axis, False, n).plus(right)
    if _is_map(r, a):
        return _shifted(r, n, a, b, 1.0, sign)
    return _shifted(r, n, b, a, sign, 1.0)


def _reversed_sub(r: Reader, n: Node) -> Reading:
    return _shifted(r, n, n.args[0], n.args[1], -1.0, 1.0) if len(n.args) == 2 and not n.kwargs else None


def _shifted(r: Reader, n: Node, x: Any, constant: Any, factor: float, sign: float) -> Reading:
    """factor * x + sign * constant."""
    known = _constant(r, constant, n, x)
    if known is None:
        return None
    shift, axis = known
    k = torch.full_like(shift, factor)
    return r.operand(x, axis, factor != 1.0, n).scaled(k, sign * shift)


def _mul(r: Reader, n: Node) -> Reading:
    x, constant = n.args[:2] if _is_map(r, n.args[0]) else (n.args[1], n.args[0])
    known = _constant(r, constant, n, x) if _is_map(r, x) else None
    return None if known is None else r.operand(x, known[1], True, n).scaled(known[0])  # type: ignore[arg-type]


def _div(r: Reader, n: Node) -> Reading:
    x, constant = n.args[:2]
    known = _constant(r, constant, n, x) if _is_map(r, x) and "rounding_mode" not in n.kwargs else None
    if known is None or bool((known[0] == 0).any()):
        return None
    return r.operand(x, known[1], True, n).scaled(1.0 / known[0])  # type: ignore[arg-type]


def _neg(r: Reader, n: Node) -> Reading:
    return _shifted(r, n, n.args[0], 0.0, -1.0, 1.0)


def _is_map(r: Reader, value: object) -> bool:
    """Is it a tensor computed from the input?"""
    return isinstance(value, Node) and is_float(value) and r.constants.value(value) is None


def _constant(r: Reader, value: object, n: Node, x: object) -> tuple[torch.Tensor, int] | None:
    """A number or constant tensor as one number per channel of `n`, if `x` has the shape of `n`."""
    shape = graphs.shape(n)
    if not isinstance(x, Node) or graphs.shape(x) != shape or len(shape) < 2:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return per_channel(value, shape, r.axis_of(x))
    tensor = r.constants.value(value)
    return None if tensor is None else per_channel(tensor, shape, r.axis_of(x))


def _numbers(value: Any, rank: int) -> tuple[int, ...]:
    numbers = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    return numbers * rank if len(numbers) == 1 else numbers


def _padding(value: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...] | None:
    if not isinstance(value, str):
        return _numbers(value, len(kernel))
    total = [0 if value == "valid" else d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return None if any(t % 2 for t in total) else tuple(t // 2 for t in total)


HANDLERS: dict[Any, Callable[[Reader, Node], Reading]] = {
    **dict.fromkeys(CONVOLUTIONS, _convolution), **dict.fromkeys(POOLS, _pool), aten.linear.default: _linear,
    NORM: _norm, aten.add.Tensor: _add, aten.add.Scalar: _add, aten.sub.Tensor: _add, aten.sub.Scalar: _add,
    aten.rsub.Scalar: _reversed_sub, aten.mul.Tensor: _mul, aten.mul.Scalar: _mul, aten.div.Tensor: _div,
    aten.div.Scalar: _div, aten.neg.default: _neg,
}
