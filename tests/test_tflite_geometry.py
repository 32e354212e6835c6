"""Windows of every geometry against eager, and the algebra of axes against numpy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ghostdeploy.lowering.tflite.layout import ViewPlan, permuted, plan_view, stored
from tests.tools.tflite_cases import Do
from tests.tools.tflite_check import noise, run_module

PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))
FEW = settings(max_examples=40, deadline=None, derandomize=True)


@FEW
@given(size=st.tuples(st.integers(5, 13), st.integers(5, 13)), kernel=PAIR, stride=PAIR, padding=PAIR,
       padded=st.booleans(), dilation=st.integers(1, 2), groups=st.sampled_from([1, 2, 4]),
       multiplier=st.integers(1, 2), relu=st.booleans())
def test_convolutions(size, kernel, stride, padding, padded, dilation, groups, multiplier, relu) -> None:
    padding = tuple(min(p, k) for p, k in zip(padding, kernel, strict=True)) if padded else (0, 0)
    if any((k - 1) * dilation + 1 > s + 2 * p for k, s, p in zip(kernel, size, padding, strict=True)):
        return
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 4 * multiplier, kernel, stride, padding, dilation, groups)
    outcome = run_module(nn.Sequential(conv, nn.ReLU()) if relu else conv, noise(1, 4, *size))
    assert outcome.error <= 2e-6
    assert outcome.lowered.delegation.nodes_outside == 0


@FEW
@given(size=st.tuples(st.integers(5, 13), st.integers(5, 13)), kernel=st.tuples(st.integers(2, 4), st.integers(2, 4)),
       stride=PAIR, padded=st.booleans(), ceil=st.booleans(), counted=st.booleans(), maximum=st.booleans(),
       shift=st.sampled_from([-9.0, 9.0]))
def test_pools(size, kernel, stride, padded, ceil, counted, maximum, shift) -> None:
    padding = tuple(k // 2 for k in kernel) if padded else (0, 0)
    if maximum:
        pool = Do(lambda x: F.max_pool2d(x + shift, kernel, stride, padding, ceil_mode=ceil))
    else:
        pool = Do(lambda x: F.avg_pool2d(x + shift, kernel, stride, padding, ceil, counted))
    outcome = run_module(pool, noise(1, 3, *size))
    assert outcome.error == 0.0 if maximum else outcome.error <= 2e-6
    leaps = any(s > k for s, k in zip(stride, kernel, strict=True))     # XNNPACK takes no pool that skips elements
    assert outcome.lowered.delegation.nodes_outside == int(leaps and maximum)       # an average is a convolution then


@st.composite
def views(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """A shape, another shape of the same elements, and an order in which the first lies."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=7))

    def grouped() -> tuple[int, ...]:
        cuts = sorted(draw(st.lists(st.integers(0, len(factors)), max_size=5)))
        return tuple(int(np.prod(factors[a:b])) for a, b in zip([0, *cuts], [*cuts, len(factors)], strict=True))

    shape = grouped()
    return shape, grouped(), tuple(draw(st.permutations(range(len(shape)))))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(views())
def test_a_planned_view_is_numpys_reshape(view: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]) -> None:
    shape, target, order = view
    value = np.arange(np.prod(shape)).reshape(shape)
    plan = plan_view(shape, target, order)
    memory = value.transpose(order).transpose([order.index(axis) for axis in plan.before])
    viewed = memory.reshape(stored(target, plan.after))
    assert np.array_equal(viewed, value.reshape(target).transpose(plan.after))


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_a_permutation_only_renames_axes(order: list[int], dims: list[int]) -> None:
    value = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    renamed = permuted(tuple(order), dims)
    assert np.array_equal(value.transpose(order), value.transpose(dims).transpose(renamed))


def test_a_view_that_keeps_neighbours_together_needs_no_transpose() -> None:
    assert plan_view((1, 6, 4, 5), (1, 6, 20), (0, 2, 3, 1)).before == (0, 2, 3, 1)
    assert plan_view((1, 6, 4, 5), (1, 2, 3, 4, 5), (0, 2, 3, 1)).before == (0, 2, 3, 1)
    assert plan_view((1, 6, 4, 5), (1, 120), (0, 2, 3, 1)).before == (0, 1, 2, 3)


def test_groups_that_a_view_joins_lie_where_their_last_axes_did() -> None:
    """Attention's heads behind the tokens; the channels of a shuffle behind the map."""
    assert plan_view((1, 7, 2, 6), (1, 7, 12), (0, 2, 1, 3)) == ViewPlan((0, 1, 2, 3), (0, 1, 2))
    assert plan_view((1, 3, 2, 4, 5), (1, 6, 4, 5), (0, 3, 4, 2, 1)) == ViewPlan((0, 3, 4, 1, 2), (0, 2, 3, 1))
