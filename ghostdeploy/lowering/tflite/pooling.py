"""Average and maximum over windows.

TFLite's AVERAGE_POOL_2D with SAME leaves padding out of the count, MAX_POOL_2D with SAME out of the maximum. Where
SAME is not ATen's geometry, the average is taken over a zero-padded map and corrected by a constant map of counts, and
the maximum over a map padded with zeros (if it cannot be negative) or with the lowest float. Maximum
pools whose stride is larger than their kernel are right and not delegated: XNNPACK takes none that skips elements, and
averages that do are depthwise convolutions by then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite.convolution import SCHEMES, padded
from ghostdeploy.lowering.tflite.emission import ACTIVATION, Emission, clamp_range
from ghostdeploy.lowering.tflite.geometry import Padding, Window
from ghostdeploy.lowering.tflite.layout import NHWC
from ghostdeploy.lowering.tflite.reduction import reduce
from ghostdeploy.lowering.tflite.registry import emits

LOWEST = float(np.finfo(np.float32).min)


@emits(aten.max_pool2d.default)
def max_pool(e: Emission, node: Node) -> None:
    """`max_pool2d` without dilation."""
    source = node.args[0]
    assert isinstance(source, Node)
    if graph.pair(graph.argument(node, 4, 1)) != (1, 1):
        raise e.refusal(node, "MAX_POOL_2D has no dilation", "use a pooling without dilation")
    window = _window(node)
    if max_pool_is_copy(window):
        return e.same(node, source)
    fill = 0.0 if nonnegative(source) else LOWEST
    x = padded(e, e.read(source, NHWC), window, fill)
    _pool(e, "MAX_POOL_2D", x, window, e.write(node, NHWC))
    return None


def max_pool_is_copy(window: Window) -> bool:
    """Is every window a single element?"""
    return window.kernel == (1, 1) and window.stride == (1, 1) and not any(window.before)


@emits(aten.avg_pool2d.default)
def average_pool(e: Emission, node: Node) -> None:
    """`avg_pool2d` in all its counts: padding in or out, ceil mode, divisor given."""
    source = node.args[0]
    assert isinstance(source, Node)
    window = _window(node)
    counted, divisor = _counts(node)
    x = e.read(source, NHWC)
    if window.padding is Padding.SAME and torch.equal(counted, divisor):
        _pool(e, "AVERAGE_POOL_2D", x, window, e.write(node, NHWC))
        return
    valid = _as_valid(window)
    taken = (torch.tensor(float(window.kernel[0] * window.kernel[1])) / divisor).float()
    x = padded(e, x, valid) if valid.padding is Padding.EXPLICIT else x
    if bool((taken == 1).all()):
        _pool(e, "AVERAGE_POOL_2D", x, valid, e.write(node, NHWC))
        return
    pooled = e.writer.tensor("pooled", _nhwc(graph.shape(node)))
    _pool(e, "AVERAGE_POOL_2D", x, valid, pooled)
    uniform = bool((taken == taken.flatten()[0]).all())
    factor = e.scalar(float(taken.flatten()[0])) if uniform else e.array(taken[0, 0, :, :, None].numpy())
    e.binary("MUL", pooled, factor, e.write(node, NHWC))


@emits(aten.adaptive_avg_pool2d.default)
def adaptive_average_pool(e: Emission, node: Node) -> None:
    """`adaptive_avg_pool2d` to one element, or to a size that divides the input's."""
    source = node.args[0]
    assert isinstance(source, Node)
    (h, w), (oh, ow) = graph.shape(source)[-2:], graph.shape(node)[-2:]
    if (oh, ow) == (1, 1):
        reduce(e, node, source, (2, 3), keep=True, name="MEAN")
    elif (oh, ow) == (h, w):
        e.same(node, source)
    elif h % oh or w % ow:
        raise e.refusal(node, f"a {h}x{w} map is not divided into {oh}x{ow} equal windows",
                        "choose an input size whose last map is a multiple of the pooled size")
    else:
        size = (h // oh, w // ow)
        window = Window((h, w), (oh, ow), size, size, (0, 0))
        _pool(e, "AVERAGE_POOL_2D", e.read(source, NHWC), window, e.write(node, NHWC))


def nonnegative(node: Node) -> bool:
    """Can it be read off the graph that no element is below zero?"""
    target = node.target
    if target in (aten.relu.default, aten.relu6.default, aten.sigmoid.default, aten.hardsigmoid.default):
        return True
    if target in (aten.hardtanh.default, aten.clamp.default):
        return clamp_range(node)[0] >= 0
    if target in (aten.max_pool2d.default, aten.avg_pool2d.default, aten.alias.default, aten.clone.default):
        return isinstance(node.args[0], Node) and nonnegative(node.args[0])
    if target is aten.cat.default:
        return all(nonnegative(part) for part in node.args[0])  # type: ignore[union-attr, arg-type]
    return False


def _window(node: Node) -> Window:
    source = node.args[0]
    assert isinstance(source, Node)
    kernel = graph.pair(node.args[1])  # type: ignore[arg-type]
    stride = graph.pair(graph.argument(node, 2, kernel) or kernel)
    (h, w), (oh, ow) = graph.shape(source)[-2:], graph.shape(node)[-2:]
    return Window((h, w), (oh, ow), kernel, stride, graph.pair(graph.argument(node, 3, 0)))


def _as_valid(window: Window) -> Window:
    """The same windows over a map that was padded beforehand, so that SAME is not chosen."""
    return _Explicit(window.size, window.out, window.kernel, window.stride, window.before)


class _Explicit(Window):
    @property
    def padding(self) -> Padding:
        return Padding.EXPLICIT if any(self.before) or any(self.after) else Padding.VALID


def _counts(node: Node) -> tuple[torch.Tensor, torch.Tensor]:
    """Per output position: how many real elements its window holds, and what ATen divides by. Asked of ATen itself."""
    source: Any = node.args[0]
    ones = torch.ones(1, 1, *graph.shape(source)[-2:], dtype=torch.float64)
    defaults: tuple[Any, ...] = ([], 0, False, True, None)
    arguments = [node.args[1], *(graph.argument(node, i, default) for i, default in enumerate(defaults, start=2))]
    average = aten.avg_pool2d.default(ones, *arguments)
    counted = aten.avg_pool2d.default(ones, *arguments[:5], 1)
    return counted, counted / average


def _pool(e: Emission, name: str, x: int, window: Window, out: int) -> None:
    e.writer.operator(name, [x], [out], "Pool2DOptions", padding=SCHEMES[window.padding], strideH=window.stride[0],
                      strideW=window.stride[1], filterHeight=window.kernel[0], filterWidth=window.kernel[1],
                      fusedActivationFunction=ACTIVATION.NONE)


def _nhwc(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[0], shape[2], shape[3], shape[1]
