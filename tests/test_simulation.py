"""The theory of half precision that artifacts are held against: what it rounds, and what it does not hide."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ghostdeploy.simulation import LARGEST, HalfPrecision, simulated_error
from ghostdeploy.trace import trace
from tests.small_artifacts import answers, images, network


@pytest.fixture(scope="module")
def doubling() -> HalfPrecision:
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 2)
    return HalfPrecision(trace(layer.eval(), torch.zeros(1, 1, 2, 2)))


def in_half(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = HalfPrecision(trace(module.eval(), x)).of(x)
    return found


@given(values=st.lists(st.integers(-2048, 2048), min_size=4, max_size=4))
def test_what_float16_can_hold_stays_as_it_is(doubling: HalfPrecision, values: list[int]) -> None:
    x = torch.tensor(values, dtype=torch.float32).reshape(1, 1, 2, 2) / 2048
    assert torch.equal(doubling.of(x), 2 * x)


def test_weights_inputs_and_what_lies_between_operators_are_rounded() -> None:
    third = torch.full((1, 1, 1, 1), 1 / 3)
    rounded = third.half().float()
    assert not torch.equal(third, rounded)
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 1 / 3)
    product = (rounded * rounded).half().float()
    assert torch.equal(in_half(nn.Sequential(layer, nn.ReLU(), nn.Flatten()), third).ravel(), product.ravel())


def test_what_overflows_is_far_off_and_finite() -> None:
    class Square(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * x * 1e-3

    x = torch.full((1, 1, 1, 2), 1e4)
    assert in_half(Square(), x).max() == pytest.approx(LARGEST * 1e-3, rel=1e-3)
    right = np.full((1, 1, 1, 2), 1e5, np.float32)
    assert simulated_error(HalfPrecision(trace(Square(), x)).of, x.numpy(), right) > 0.9


def test_of_a_network_it_costs_some_steps_of_float16() -> None:
    photos = images(3)
    graph = trace(network(), torch.from_numpy(photos[:1]))
    assert 2 ** -14 < simulated_error(HalfPrecision(graph).of, photos, answers(photos)) < 2 ** -7
