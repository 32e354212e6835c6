"""Parallel branches of one source: the single convolution that equals their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ghostdeploy.fusion.affine import F64, Branch


def merge(branches: Sequence[Branch], in_size: tuple[int, ...], out_size: tuple[int, ...]) -> Branch | str:
    """One branch equal to the sum of `branches`, or a sentence why no plain convolution is.

    Taps are placed on the coarsest grid that holds all of them, so a common dilation survives and different ones are
    filled with zeros. `in_size` and `out_size` are the spatial sizes of source and result: convolutions pad both sides
    alike, so a window that reaches further to one side may have to be widened until the output size is right.
    """
    stride = branches[0].stride
    if any(b.stride != stride for b in branches):
        return "their strides differ"
    groups = math.gcd(*(b.groups for b in branches))
    axes = []
    for axis, (n, out) in enumerate(zip(in_size, out_size, strict=True)):
        placed = _window(branches, axis, n, out)
        if placed is None:
            return f"no padding gives an output of {out} from {n} with all of their taps"
        axes.append(placed)
    lows, steps, counts = zip(*axes, strict=True) if axes else ((), (), ())
    weights = [regroup(b.weight, b.groups, groups) for b in branches]
    total = torch.zeros(*weights[0].shape[:2], *counts, dtype=F64)
    for b, w in zip(branches, weights, strict=True):
        total[(slice(None), slice(None), *(_taps(b, i, lows[i], steps[i]) for i in range(len(counts))))] += w
    return Branch(total, stride, tuple(-low for low in lows), tuple(steps), groups, all(b.identity for b in branches),
                  tuple(part for b in branches for part in b.parts))


def merged_size(branches: Sequence[Branch], in_size: tuple[int, ...], out_size: tuple[int, ...]) -> int | None:
    """Number of weights that `merge` would give, without computing them; None where it would refuse."""
    if any(b.stride != branches[0].stride for b in branches):
        return None
    groups = math.gcd(*(b.groups for b in branches))
    inputs = branches[0].weight.shape[1] * branches[0].groups
    size = branches[0].weight.shape[0] * (inputs // groups)
    for axis, (n, out) in enumerate(zip(in_size, out_size, strict=True)):
        placed = _window(branches, axis, n, out)
        if placed is None:
            return None
        size *= placed[2]
    return int(size)


def regroup(weight: torch.Tensor, groups: int, fewer: int) -> torch.Tensor:
    """The same convolution written with `fewer` groups (a divisor of `groups`): blocks along a diagonal."""
    ratio = groups // fewer
    if ratio == 1:
        return weight
    out, inputs, *kernel = weight.shape
    wide = torch.zeros(fewer, ratio, out // groups, ratio, inputs, *kernel, dtype=weight.dtype)
    diagonal = torch.arange(ratio)
    # Two advanced indices apart from each other: torch puts their axis first.
    wide[:, diagonal, :, diagonal] = weight.view(fewer, ratio, out // groups, inputs, *kernel).transpose(0, 1)
    return wide.reshape(out, ratio * inputs, *kernel)


def _window(branches: Sequence[Branch], axis: int, n: int, out: int) -> tuple[int, int, int] | None:
    """(lowest tap, grid step, number of taps) along one axis, positions relative to stride * output index."""
    lows = [-b.padding[axis] for b in branches]
    highs = [(b.kernel[axis] - 1) * b.dilation[axis] - b.padding[axis] for b in branches]
    steps = [b.dilation[axis] for b in branches if b.kernel[axis] > 1]
    low = min(lows)
    step = math.gcd(*steps, *(other - low for other in lows)) or 1
    stride = branches[0].stride[axis]
    # With the largest padding and the fewest taps the output is never too small; zero taps on the far side shrink it.
    count = (max(highs) - low) // step + 1
    while (span := n - 2 * low - step * (count - 1) - 1) >= 0:
        if span // stride + 1 == out:
            return low, step, count
        count += 1
    return None


def _taps(branch: Branch, axis: int, low: int, step: int) -> slice:
    first = (-branch.padding[axis] - low) // step
    stride = branch.dilation[axis] // step if branch.kernel[axis] > 1 else 1
    return slice(first, first + (branch.kernel[axis] - 1) * stride + 1, stride)
