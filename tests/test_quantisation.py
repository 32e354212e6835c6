"""The arithmetic of int8: steps, weights, and which nodes are computed in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ghostdeploy.lowering.executorch.int8 import INT8
from ghostdeploy.quantisation import QuantParams
from ghostdeploy.quantisation.params import (
    BIAS_LIMIT,
    CENTRED,
    at_least,
    ends,
    of_elements,
    of_range,
    weights,
)
from ghostdeploy.quantisation.plan import Planner
from ghostdeploy.quantisation.rounding import rounded
from ghostdeploy.quantisation.sensitivity import fewest
from ghostdeploy.quantisation.simulated import simulated
from ghostdeploy.quantisation.taps import moments
from ghostdeploy.trace import trace

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


def restored(steps: QuantParams, values: np.ndarray) -> np.ndarray:
    stored = np.clip(np.rint(values / steps.scale) + steps.zero_point, -128, 127)
    return (stored - steps.zero_point) * steps.scale


@given(st.floats(-1e6, 0), st.floats(1e-6, 1e6), st.floats(0.3, 1.0))
def test_steps_around_zero_store_it_as_0_and_cost_a_third_of_a_bit(low: float, high: float, share: float) -> None:
    assert ends(low, high, centred=False) == (low, high)
    a, b = ends(low, high, centred=True)
    if (a, b) != (low, high):
        assert a == -b
        assert a <= low <= high <= b
        assert b - a <= CENTRED * (high - low) * (1 + 1e-9)
        assert of_range(a * share, b * share).zero_point == 0


@given(NUMBERS, NUMBERS)
def test_steps_hold_zero_and_both_ends(a: float, b: float) -> None:
    low, high = sorted((a, b))
    steps = of_range(low, high)
    assert -128 <= steps.zero_point <= 127 and steps.scale > 0
    assert np.float32(steps.scale) == steps.scale
    assert restored(steps, np.zeros(1)) == 0
    ends = np.array([min(low, 0.0), max(high, 0.0)])
    assert np.abs(restored(steps, ends) - ends).max() <= steps.scale * 1.001


@given(st.floats(0.1, 100), st.integers(0, 2**31))
def test_chosen_steps_lose_no_more_than_the_whole_range(spread: float, seed: int) -> None:
    values = np.random.default_rng(seed).laplace(0, spread, 1000)
    low, high = float(values.min()), float(values.max())
    assert of_elements(low, high, values).error(values) <= of_range(low, high).error(values)


def test_a_value_that_was_always_0_has_usable_steps() -> None:
    assert 1e-3 < of_range(0.0, 0.0).scale < 1
    assert of_elements(0.0, 0.0, np.zeros(9)).scale == of_range(0.0, 0.0).scale


@given(st.floats(1e-30, 1e3), st.floats(1e-6, 1e3), st.floats(0, 1e3))
def test_a_sum_is_never_scaled_up_further_than_xnnpack_can(made: float, source: float, weight: float) -> None:
    steps = at_least(QuantParams(made, 3), QuantParams(source, 0), np.array([[weight, -weight / 2]], np.float32))
    assert steps.zero_point == 3
    assert steps.scale >= made
    assert source * weight / 127 / steps.scale < 256


def test_an_outlier_is_clipped() -> None:
    values = np.append(np.linspace(-1, 1, 20000), 3.0)
    assert of_elements(-1.0, 3.0, values).scale < of_range(-1.0, 3.0).scale


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1e-12, 1e-3, 1.0, 1e4]),
       st.integers(0, 2**31))
def test_weights_and_bias_fit(groups: int, of_group: int, inside: int, size: float, seed: int) -> None:
    chance = np.random.default_rng(seed)
    weight = (chance.standard_normal((groups * of_group, inside, 3, 3)) * size).astype(np.float32)
    bias = chance.standard_normal(groups * of_group).astype(np.float32)
    means = chance.standard_normal(groups * inside)
    seen = torch.from_numpy(chance.standard_normal((groups, 50, inside * 9)))
    found = weights(weight, bias, QuantParams(0.02, 3), means, seen.transpose(1, 2) @ seen / 50)
    assert found.values.dtype == np.int8 and found.values.min() >= -127
    assert np.abs(found.bias.astype(np.float64)).max() <= 1.01 * BIAS_LIMIT
    back = found.values.astype(np.float64) * found.scales.astype(np.float64)[:, None, None, None]
    assert np.isfinite(found.offset).all() and np.isfinite(back).all()


@pytest.mark.parametrize("groups", [1, 4, 8])
def test_on_average_int8_weights_answer_as_float_ones(groups: int) -> None:
    """What rounding adds on a constant input is taken out of the bias; without padding that is exact."""
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 16, 3, groups=groups)
    level = torch.rand(1, 8, 1, 1)
    weight, bias = conv.weight.detach(), conv.bias.detach()
    found = weights(weight.numpy(), bias.numpy(), QuantParams(0.01, 0), level.double().flatten().numpy(),
                    torch.eye(8 // groups * 9, dtype=torch.float64).expand(groups, -1, -1))
    rounded = torch.from_numpy(found.values.astype(np.float32) * found.scales[:, None, None, None])
    x = level.expand(1, 8, 5, 5)
    with torch.no_grad():
        wrong = (nn.functional.conv2d(x, rounded, bias, groups=groups) - conv(x)).abs().max()
        right = (nn.functional.conv2d(x, rounded, torch.from_numpy(found.offset), groups=groups) - conv(x)).abs().max()
    assert right < 1e-5 < 1e-3 < wrong


def test_independent_taps_are_rounded_to_the_nearest() -> None:
    weight = np.random.default_rng(0).uniform(-1, 1, (6, 9))
    found = rounded(weight, np.full(6, 0.1), torch.eye(9, dtype=torch.float64)[None], 127)
    assert (found == np.rint(weight / 0.1)).all()


@given(st.integers(1, 3), st.integers(2, 12), st.integers(0, 2**31))
def test_answers_change_less_than_by_rounding_to_the_nearest(groups: int, taps: int, seed: int) -> None:
    """On average over many rows: of inputs that rise and fall together, errors must cancel."""
    chance = np.random.default_rng(seed)
    together, apart = chance.standard_normal((groups, 200, 1)), chance.standard_normal((groups, 200, taps))
    seen = torch.from_numpy(together + 0.3 * apart)
    weight = chance.uniform(-1, 1, (groups * 64, taps))
    scales = np.full(len(weight), 0.05)

    def error(stored: np.ndarray) -> float:
        wrong = torch.from_numpy(stored * 0.05 - weight).reshape(groups, 64, taps)
        return float((seen @ wrong.transpose(1, 2)).square().mean())

    assert error(rounded(weight, scales, seen.transpose(1, 2) @ seen / 200, 127)) < error(np.rint(weight / 0.05))


@pytest.mark.parametrize(("conv", "size"), [
    (nn.Conv2d(4, 6, 3, 2, 1), 9), (nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=2), 8),
    (nn.Conv2d(4, 4, (1, 5), padding=(0, 2), groups=4), 7), (nn.Conv2d(4, 6, 1, 2), 6)])
def test_taps_see_what_makes_the_output(conv: nn.Conv2d, size: int) -> None:
    """Weight times taps is the convolution itself: its mean square follows from the moments."""
    x = torch.randn(1, 4, size, size)
    graph = trace(conv.eval(), x)
    (node,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.conv2d.default)
    found = torch.stack([moments(graph, node, x, torch.Generator().manual_seed(i)) for i in range(400)]).mean(0)
    rows = conv.weight.detach().double().reshape(conv.groups, -1, found.shape[-1])
    ours = (rows @ found * rows).sum(-1).flatten()
    with torch.no_grad():
        theirs = (conv(x) - conv.bias[:, None, None]).double().square().mean((0, 2, 3))
    assert torch.allclose(ours, theirs, rtol=0.1)


def test_named_nodes_stay_in_float() -> None:
    x = torch.randn(1, 3, 8, 8)
    graph = trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1)).eval(), x)
    first, _, second = (node.name for node in graph.graph.nodes if node.op == "call_function")
    planner = Planner(graph, (x,), INT8)
    whole = planner.plan()
    assert len(whole.int8) == 3 and len(whole.weights) == 2
    part = planner.plan(frozenset({second}))
    assert {node.name for node in part.weights} == {first}
    with torch.no_grad():
        exact = graph(x)
        some, all_ = ((simulated(graph, found)(x) - exact).square().mean() for found in (part, whole))
    assert 0 < some < all_


def test_what_is_joined_is_kept_in_equal_steps() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([self.left(x), 9 * self.right(x).relu()], 1)

    x = torch.randn(1, 3, 8, 8)
    graph = trace(Joined().eval(), x)
    found = Planner(graph, (x,), INT8).plan()
    (cat,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.cat.default)
    assert {found.params[source] for source in cat.all_input_nodes} == {found.params[cat]}


@given(most=st.integers(0, 40), data=st.data())
def test_no_more_layers_stay_in_float_than_it_takes(most: int, data: st.DataObject) -> None:
    """Of a question whose answer stays yes: the least; each number is asked about once, and all are enough unasked."""
    least, asked = data.draw(st.integers(0, most)), list[int]()

    def enough(count: int) -> bool:
        asked.append(count)
        return count >= least

    assert fewest(most, enough) == least
    assert len(set(asked)) == len(asked) and most not in asked
    assert len(asked) <= 2 * most.bit_length() + 1
