"""Depthwise convolutions in training: other arithmetic where oneDNN has none that is quick, the same numbers."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, given, settings
from torch import nn

from ghostdeploy.training.depthwise import TapwiseConv2d, quicken

PAIRS = st.tuples(st.integers(1, 5), st.integers(1, 5))


@settings(deadline=None)
@given(channels=st.integers(2, 6), size=PAIRS, kernel=PAIRS, stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
       padding=st.tuples(st.integers(0, 2), st.integers(0, 2)), bias=st.booleans(), images=st.integers(1, 3),
       channels_last=st.booleans(), seed=st.integers(0, 99))
def test_answers_and_gradients_are_the_convolutions(
        channels: int, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
        padding: tuple[int, int], bias: bool, images: int, channels_last: bool, seed: int) -> None:
    """In float64, so that another order of the sums costs nothing that could hide a tap left out."""
    assume(all(k <= s + 2 * p for k, s, p in zip(kernel, size, padding, strict=True)))
    torch.manual_seed(seed)
    plain = nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=bias).double()
    own = TapwiseConv2d.of(plain)
    x = torch.randn(images, channels, *size, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format).requires_grad_()
    wanted, found = plain(x), own(x)
    direction = torch.randn_like(wanted)
    learned = [x, *plain.parameters()]
    torch.testing.assert_close(found, wanted)
    for a, b in zip(torch.autograd.grad(found, learned, direction), torch.autograd.grad(wanted, learned, direction),
                    strict=True):
        torch.testing.assert_close(a, b)


def test_quickened_a_module_keeps_its_parameters_and_what_it_computes() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 3, groups=4),
                           nn.Conv2d(8, 8, 3, padding=1, groups=8, padding_mode="reflect"))
    names, values = zip(*module.named_parameters(), strict=True)
    x = torch.randn(2, 3, 9, 9)
    before = module(x)
    assert quicken(module) is module
    assert [type(child) for child in module] == [nn.Conv2d, TapwiseConv2d, nn.Conv2d, nn.Conv2d]
    after_names, after = zip(*module.named_parameters(), strict=True)
    assert after_names == names and all(a is b for a, b in zip(after, values, strict=True))
    assert torch.equal(module(x), before)


@pytest.mark.parametrize(("size", "own"), [(5, False), (4, True)])
def test_only_a_kernel_beyond_its_map_goes_tap_by_tap(size: int, own: bool) -> None:
    conv = TapwiseConv2d.of(nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False))
    used = conv(torch.zeros(1, 4, size, size)).grad_fn.name()
    assert ("Tapwise" in used) == own
    assert "Tapwise" not in conv.eval()(torch.zeros(1, 4, size, size)).grad_fn.name()


def test_in_mixed_precision_the_gradients_are_torchs_own() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False)
    x = torch.randn(2, 4, 4, 4)
    found = []
    for conv in (plain, TapwiseConv2d.of(plain)):
        with torch.autocast("cpu", torch.bfloat16):
            loss = conv(x).float().square().sum()
        found.append(torch.autograd.grad(loss, conv.weight)[0])
    assert torch.equal(*found)
