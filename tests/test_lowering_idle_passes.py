"""Leaving out XNNPACK's idle passes: the same bytes, from graphs in which they work and in which they do not."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from executorch.backends.xnnpack import _passes as xnnpack
from executorch.exir.program import _program
from torch import nn

from ghostdeploy.lowering.executorch import idle_passes, lower_pte, shortcuts
from ghostdeploy.trace import trace
from tests.randomise import randomise_norms


class Busy(nn.Module):
    """Something to do for every listed pass that a graph of ours can reach."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.act = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU(8)
        self.alone, self.line = nn.BatchNorm2d(8), nn.Conv1d(8, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.alone(self.act(F.max_pool2d(self.norm(self.conv(x)), 2)))
        y = y * self.line(y.flatten(2)).softmax(-1).view(y.shape)
        y = torch.cat([y * i for i in range(1, 7)], 1)
        return F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)


class Idle(nn.Module):
    """Nothing for any of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.relu(self.conv(x)).mean((2, 3)))


@pytest.mark.parametrize("module", [Busy, Idle])
def test_the_bytes_are_the_same(module: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    example = torch.randn(1, 3, 12, 16)
    graph = trace(randomise_norms(module().eval()), example)
    ran: list[str] = []
    real = _program._transform
    monkeypatch.setattr(xnnpack, "_transform", lambda ep, step: (ran.append(type(step).__name__), real(ep, step))[1])
    spared = lower_pte(graph, example).data
    few, ran[:] = set(ran), []
    monkeypatch.setattr(shortcuts, "working_passes_only", nullcontext)
    assert lower_pte(graph, example).data == spared
    left_out = set(ran) - few
    assert left_out <= set(idle_passes.LOOKS_FOR)
    assert set(idle_passes.LOOKS_FOR) <= set(ran), "a listed pass exists no more under its name"
    if module is Idle:
        assert left_out == set(idle_passes.LOOKS_FOR)
    else:    # these would need a decomposed bilinear, quantisation, and copies between memory orders
        assert left_out == {"ConvertToUpsampleBilinear2d", "PropagateCustomMetaPass", "DimOrderOpsRevertPass"}


def test_the_passes_are_left_as_they_were() -> None:
    before = xnnpack.XNNPACKPassManager.transform
    with pytest.raises(KeyError), idle_passes.working_passes_only():
        assert xnnpack.XNNPACKPassManager.transform is not before
        raise KeyError
    assert xnnpack.XNNPACKPassManager.transform is before
