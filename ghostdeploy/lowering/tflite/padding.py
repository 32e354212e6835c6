"""Padding as operators: zeros by PAD, anything else by concatenation.

PADV2 (padding with a value) is correct in every runtime and delegated in none, so it would cut the graph in two; a
CONCATENATION with constant borders computes the same and is delegated.
"""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite import versions
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.joining import concatenate
from ghostdeploy.lowering.tflite.registry import emits
from ghostdeploy.quantisation.params import HIGHEST, LOWEST

Amounts = list[tuple[int, int]]  # per axis of the stored tensor: how many in front, how many behind


def pad(e: Emission, tensor: int, amounts: Amounts, value: float = 0.0) -> int:
    """Pad a stored tensor with `value`."""
    if not any(front or back for front, back in amounts):
        return tensor
    return _pad_zeros(e, tensor, amounts) if value == 0.0 else _pad_value(e, tensor, amounts, value)


def _pad_zeros(e: Emission, tensor: int, amounts: Amounts) -> int:
    shape = e.writer.shape(tensor)
    padded = tuple(s + front + back for s, (front, back) in zip(shape, amounts, strict=True))
    out = e.writer.like(tensor, "pad", padded)
    e.writer.operator("PAD", [tensor, e.integers(amounts)], [out], "PadOptions", version=versions.padding(len(shape)))
    return out


def _pad_value(e: Emission, tensor: int, amounts: Amounts, value: float) -> int:
    for axis, ends in enumerate(amounts):
        shape = e.writer.shape(tensor)
        front, back = (_filled(e, tensor, (*shape[:axis], n, *shape[axis + 1:]), value) if n else None for n in ends)
        parts = [part for part in (front, tensor, back) if part is not None]
        if len(parts) > 1:
            tensor = concatenate(e, parts, axis)
    return tensor


def _filled(e: Emission, like: int, shape: tuple[int, ...], value: float) -> int:
    """A constant of one value, of the type of `like`; in int8 the nearest value that its steps can say."""
    steps = e.writer.steps(like)
    if steps is None:
        return e.array(np.full(shape, value))
    stored = np.clip(value / steps.scales[0] + steps.zero_points[0], LOWEST, HIGHEST)
    return e.writer.constant(np.full(shape, round(stored), np.int8), steps=steps)


@emits(aten.pad.default, aten.constant_pad_nd.default)
def constant_pad(e: Emission, node: Node) -> None:
    """`pad` in mode constant; other modes and cropping (negative amounts) are refused."""
    source = node.args[0]
    assert isinstance(source, Node)
    mode, value = "constant", graph.argument(node, 2, 0.0)
    if node.target is aten.pad.default:
        mode, value = graph.argument(node, 2, "constant"), graph.argument(node, 3, 0.0)
    flat: list[int] = list(node.args[1])  # type: ignore[arg-type]
    if mode != "constant" or min(flat) < 0:
        raise e.refusal(node, f"padding of mode {mode} with amounts {flat} is not written yet",
                        "pad with a constant, or crop with a slice")
    rank, order = len(graph.shape(node)), e.order(source)
    amounts = [(0, 0)] * rank
    for i in range(len(flat) // 2):
        amounts[rank - 1 - i] = (flat[2 * i], flat[2 * i + 1])
    e.keep(node, pad(e, e.read(source, order), [amounts[axis] for axis in order], float(value)), order)
