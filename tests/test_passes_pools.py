"""Pools in every spelling, against eager."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ghostdeploy.lowering.passes import (
    AdaptivePoolAsPool,
    AveragePoolAsDepthwise,
    DropCeilMode,
    ExcludeEmptyPadding,
    KeepdimMean,
)
from tests.rewriting import Function, operators, rewritten

EXAMPLE = torch.randn(2, 6, 13, 10)


def _arguments(graph, target):
    return [n.args[1:] for n in graph.graph.find_nodes(op="call_function", target=target)]


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.AvgPool2d((3, 2), 1), nn.AvgPool2d(2, ceil_mode=False),
                                  nn.AvgPool2d(3, 2, 1, count_include_pad=False)])
def test_average_pools_without_counted_padding_take_the_accepted_form(pool: nn.Module) -> None:
    graph, _ = rewritten(pool, EXAMPLE, ExcludeEmptyPadding())
    ((kernel, stride, padding, ceil, counted),) = _arguments(graph, torch.ops.aten.avg_pool2d.default)
    assert (len(kernel), len(stride), len(padding), ceil, counted) == (2, 2, 2, False, False)


@pytest.mark.parametrize(("pool", "why"), [(nn.AvgPool2d(3, 2, ceil_mode=True), "ceil_mode"),
                                           (nn.AvgPool2d(2, divisor_override=3), "number of its own")])
def test_average_pools_that_are_others_are_refused(pool: nn.Module, why: str) -> None:
    _, (outcome,) = rewritten(pool, EXAMPLE, ExcludeEmptyPadding())
    assert outcome.changed == 0
    assert why in outcome.refused[0].why


def test_counted_padding_stays_counted() -> None:
    graph, _ = rewritten(nn.AvgPool2d(3, 2, 1), EXAMPLE, ExcludeEmptyPadding())
    assert _arguments(graph, torch.ops.aten.avg_pool2d.default)[0][-1] is True


@pytest.mark.parametrize("function", [lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: x.mean((2, 3)),
                                      lambda x: x.mean((-1, -2), keepdim=True), lambda x: x.mean((3, 2))])
def test_global_means_keep_their_axes(function) -> None:
    graph, _ = rewritten(Function(function), EXAMPLE, KeepdimMean())
    assert _arguments(graph, torch.ops.aten.mean.dim) == [([2, 3], True)]


def test_other_means_stay() -> None:
    _, (outcome,) = rewritten(Function(lambda x: x.mean(1) + x.mean((1, 2, 3)).sum()), EXAMPLE, KeepdimMean())
    assert outcome == type(outcome)("keepdim-mean", 0, ())


@pytest.mark.parametrize("size", [(13, 5), (1, 10), (13, 2), (1, 1)])
def test_adaptive_pools_that_divide_become_pools(size: tuple[int, int]) -> None:
    graph, _ = rewritten(nn.AdaptiveAvgPool2d(size), EXAMPLE, AdaptivePoolAsPool())
    assert set(operators(graph)) == {"avg_pool2d.default"}


def test_adaptive_pools_of_uneven_windows_are_refused() -> None:
    _, (outcome,) = rewritten(nn.AdaptiveAvgPool2d((6, 5)), EXAMPLE, AdaptivePoolAsPool())
    assert outcome.refused[0].why == "13x10 does not divide into 6x5 windows of one size"


@pytest.mark.parametrize("pool", [
    nn.AvgPool2d(3, 1, 1), nn.AvgPool2d((3, 5), 2, (1, 2)), nn.AvgPool2d(3, 2, ceil_mode=True),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d(2, divisor_override=3), nn.AvgPool2d(3, 3, 1, divisor_override=5)])
def test_average_pools_that_no_backend_has_become_depthwise(pool: nn.Module) -> None:
    graph, _ = rewritten(pool, EXAMPLE, AveragePoolAsDepthwise("counted"))
    assert operators(graph)["conv2d.default"] == 1
    assert not operators(graph)["avg_pool2d.default"]


@pytest.mark.parametrize(("pool", "from_which_on"), [
    (nn.AvgPool2d(2), "small"), (nn.AvgPool2d((1, 3), 1), "small"), (nn.AvgPool2d(3, (1, 4)), "small"),
    (nn.AvgPool2d(3, 1, 1), "counted"), (nn.AvgPool2d(3, divisor_override=5), "counted"),
    (nn.AvgPool2d(3, 1), "every"), (nn.AvgPool2d(3, 1, 1, count_include_pad=False), "every")])
def test_which_average_pools_become_depthwise(pool: nn.Module, from_which_on: str) -> None:
    kinds: tuple[Literal["small", "counted", "every"], ...] = ("small", "counted", "every")
    changed = [rewritten(pool, EXAMPLE, AveragePoolAsDepthwise(which))[1][0].changed for which in kinds]
    assert changed == [int(kinds.index(which) >= kinds.index(from_which_on)) for which in kinds]


def test_only_maps_have_depthwise_forms() -> None:
    _, (outcome,) = rewritten(nn.AvgPool2d(3, 1, 1), EXAMPLE[0], AveragePoolAsDepthwise("counted"))
    assert outcome.refused[0].why == "its operand has no batch axis"


@pytest.mark.parametrize(("size", "kept"), [(13, False), (12, True)])
def test_ceil_mode_stays_only_where_it_changes_the_size(size: int, kept: bool) -> None:
    graph, _ = rewritten(nn.MaxPool2d(3, 2, ceil_mode=True), torch.randn(1, 4, size, size), DropCeilMode())
    assert _arguments(graph, torch.ops.aten.max_pool2d.default) == [([3, 3], [2, 2], [0, 0], [1, 1], kept)]
