"""Sequential branches: the single convolution that equals one convolution after another."""

from __future__ import annotations

import itertools
import math

import torch

from ghostdeploy.fusion.affine import F64, Affine, Branch
from ghostdeploy.fusion.merge import regroup

# A border value that the model computed in float32 stands for the exact one when it is within this many float32 steps
# of it: the four roundings of beta - mean * gamma / sqrt(var + eps). The proof judges the result in any case.
BORDER_STEPS = 4 * torch.finfo(torch.float32).eps


def refusal(outer: Branch, inner: Affine, border: torch.Tensor | None, pads: tuple[int, ...]) -> str | None:
    """Why `outer(frame(inner))` is not a sum of convolutions of inner's sources, or None where it is exactly that.

    The frame is `pads` positions of the per-channel value `border` around inner (none: no frame). What lies outside of
    inner's sources is zero, so what lies outside of inner must be what inner makes of zeros: its bias, and only a
    kernel of one makes nothing but that.
    """
    padded = any(outer.padding)
    if padded and border is not None and any(pads):
        return "it pads a tensor that is padded already"
    if not padded and not any(pads):
        return None
    if any(not b.pointwise for branches in inner.terms.values() for b in branches):
        return "its input comes from a kernel larger than 1 and is padded afterwards"
    outside = torch.zeros_like(inner.bias) if border is None else border
    tolerance = BORDER_STEPS * torch.maximum(outside.abs(), inner.bias.abs())
    if bool(((outside - inner.bias).abs() > tolerance).any()):
        return "it pads its input with zeros, and the value folded in would have to stand in the padding too"
    return None


def composed_size(outer: Branch, inner: Branch) -> int:
    """Number of weights that `compose` gives, without computing them."""
    groups = math.gcd(outer.groups, inner.groups)
    inputs = inner.weight.shape[1] * inner.groups
    size = outer.weight.shape[0] * (inputs // groups)
    for axis in range(len(outer.kernel)):
        size *= _placed(outer, inner, axis, 0)[2]
    return int(size)


def compose(outer: Branch, inner: Branch, pads: tuple[int, ...]) -> Branch:
    """`outer(frame(inner(x)))` as one branch of x, where `refusal` has nothing against it.

    Tap positions: output o reads inner's output at s_o * o + q, which reads x at s_i * (s_o * o + q) + r.
    """
    groups = math.gcd(outer.groups, inner.groups)
    rank = len(outer.kernel)
    placed = [_placed(outer, inner, axis, pads[axis] if pads else 0) for axis in range(rank)]
    wo, wi = regroup(outer.weight, outer.groups, groups), regroup(inner.weight, inner.groups, groups)
    out, mid, inputs = wo.shape[0], wo.shape[1], wi.shape[1]
    wo = wo.reshape(groups, out // groups, mid, *outer.kernel)
    wi = wi.reshape(groups, mid, inputs, *inner.kernel)
    total = torch.zeros(groups, out // groups, inputs, *(count for _, _, count in placed), dtype=F64)
    for tap in itertools.product(*(range(k) for k in outer.kernel)):
        product = torch.einsum("gom,gmi...->goi...", wo[(slice(None),) * 3 + tap], wi)
        region = [slice(None)] * 3
        for axis, t in enumerate(tap):
            step = placed[axis][1]
            first = inner.stride[axis] * outer.dilation[axis] * t // step
            jump = inner.dilation[axis] // step if inner.kernel[axis] > 1 else 1
            region.append(slice(first, first + (inner.kernel[axis] - 1) * jump + 1, jump))
        total[tuple(region)] += product
    weight = total.reshape(out, inputs, *(count for _, _, count in placed))
    stride = tuple(a * b for a, b in zip(outer.stride, inner.stride, strict=True))
    return Branch(weight, stride, tuple(-low for low, _, _ in placed), tuple(step for _, step, _ in placed), groups,
                  outer.identity and inner.identity, (*inner.parts, *outer.parts))


def composed_bias(outer: Branch, bias: torch.Tensor) -> torch.Tensor:
    """What a per-channel constant becomes under `outer`, where every tap meets that constant."""
    per_input = outer.weight.flatten(2).sum(2) if outer.kernel else outer.weight
    grouped = per_input.view(outer.groups, -1, per_input.shape[1])
    return torch.einsum("goi,gi->go", grouped, bias.view(outer.groups, -1)).reshape(-1)


def _placed(outer: Branch, inner: Branch, axis: int, pad: int) -> tuple[int, int, int]:
    """(lowest tap, grid step, number of taps) of the composition along one axis."""
    low = inner.stride[axis] * (-outer.padding[axis] - pad) - inner.padding[axis]
    coarse, fine = inner.stride[axis] * outer.dilation[axis], inner.dilation[axis]
    many_outer, many_inner = outer.kernel[axis] > 1, inner.kernel[axis] > 1
    step = math.gcd(coarse if many_outer else 0, fine if many_inner else 0) or 1
    reach = (outer.kernel[axis] - 1) * coarse * many_outer + (inner.kernel[axis] - 1) * fine * many_inner
    return low, step, reach // step + 1
