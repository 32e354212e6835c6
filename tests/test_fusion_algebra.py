"""Merging and composing branches equals running them, for any shapes that random search finds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from ghostdeploy.fusion import compose
from ghostdeploy.fusion.affine import F64, Affine, Branch, identity
from ghostdeploy.fusion.merge import merge, merged_size, regroup


def run(branch: Branch, x: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, branch.weight, None, branch.stride, branch.padding, branch.dilation, branch.groups)


@st.composite
def branches(draw: st.DrawFn, cin: int, cout: int, stride: tuple[int, int] | None = None,
             padded: bool = True) -> Branch:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = (draw(st.integers(0, 4)), draw(st.integers(0, 4))) if padded else (0, 0)
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4, 6) if cin % g == cout % g == 0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    weight = torch.randn(cout, cin // groups, *kernel, dtype=F64, generator=generator)
    steps = stride or (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return Branch(weight, steps, padding, dilation, groups)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_merge_is_the_sum(data: st.DataObject) -> None:
    stride = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    size = (data.draw(st.integers(9, 14)), data.draw(st.integers(9, 14)))
    first = data.draw(branches(6, 6, stride))
    if min(first.output_size(size)) < 1:
        return
    out = first.output_size(size)
    same = [b for _ in range(3) if (b := data.draw(branches(6, 6, stride))).output_size(size) == out]
    same += [identity(6, 2)] if out == size and stride == (1, 1) else []
    whole = merge([first, *same], size, out)
    if isinstance(whole, str):
        assert merged_size([first, *same], size, out) is None
        return
    x = torch.randn(1, 6, *size, dtype=F64)
    expected = sum(run(b, x) for b in [first, *same])
    torch.testing.assert_close(run(whole, x), expected, rtol=0, atol=1e-11)
    assert whole.weight.numel() == merged_size([first, *same], size, out)
    assert whole.groups == math.gcd(*(b.groups for b in [first, *same]))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_composition_is_the_sequence(data: st.DataObject) -> None:
    """Both kernels of any size: the outer one does not pad, or the inner one is pointwise without bias."""
    pointwise = data.draw(st.booleans())
    inner = data.draw(branches(4, 6))
    if pointwise:
        inner = Branch(inner.weight[..., :1, :1], (1, 1), (0, 0), (1, 1), inner.groups)
    outer = data.draw(branches(6, 2, padded=pointwise))
    size = (data.draw(st.integers(14, 18)), data.draw(st.integers(14, 18)))
    middle = inner.output_size(size)
    if min(middle) < 1 or min(outer.output_size(middle)) < 1:
        return
    bias = torch.zeros(6, dtype=F64) if any(outer.padding) else torch.randn(6, dtype=F64)
    placeholder = torch.fx.Graph().placeholder("x")
    assert compose.refusal(outer, Affine(1, {placeholder: (inner,)}, bias), None, ()) is None
    x = torch.randn(1, 4, *size, dtype=F64)
    expected = run(outer, run(inner, x) + bias.view(1, -1, 1, 1))
    whole = compose.compose(outer, inner, ())
    fitted = merge([whole], size, outer.output_size(middle))
    if isinstance(fitted, str):
        return
    result = run(fitted, x) + compose.composed_bias(outer, bias).view(1, -1, 1, 1)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-10)
    assert whole.weight.numel() == compose.composed_size(outer, inner)


@pytest.mark.parametrize(("groups", "fewer"), [(6, 1), (6, 2), (6, 3), (6, 6), (4, 2)])
def test_regrouping_changes_nothing(groups: int, fewer: int) -> None:
    weight = torch.randn(12, 24 // groups, 3, 3, dtype=F64)
    x = torch.randn(2, 24, 7, 7, dtype=F64)
    wide = regroup(weight, groups, fewer)
    assert wide.shape == (12, 24 // fewer, 3, 3)
    torch.testing.assert_close(functional.conv2d(x, wide, groups=fewer), functional.conv2d(x, weight, groups=groups))


def test_common_dilation_survives() -> None:
    a = Branch(torch.randn(2, 2, 3, 3, dtype=F64), (1, 1), (2, 2), (2, 2), 1)
    b = Branch(torch.randn(2, 2, 5, 5, dtype=F64), (1, 1), (4, 4), (2, 2), 1)
    whole = merge([a, b], (9, 9), (9, 9))
    assert isinstance(whole, Branch)
    assert (whole.kernel, whole.dilation) == ((5, 5), (2, 2))
