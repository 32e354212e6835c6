"""Strips of rows: the same values whatever the window, and no strip that would not fit into the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.fx import GraphModule

from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.lowering.artifact import Format, Precision
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.passes import Strips, strips
from ghostdeploy.lowering.site import Site
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.trace import trace
from tests.rewriting import Function, operators, rewritten

ACTIVATIONS = (nn.Identity(), nn.ReLU(), nn.ReLU6(), nn.Hardtanh(), nn.Hardswish(), nn.SiLU())
CONV = torch.ops.aten.conv2d.default


def anywhere(site: Site) -> bool:
    return True


class Residual(nn.Module):
    """Expansion, depthwise convolution and, where `out` is not 0, projection; the sum where it has a place."""

    def __init__(self, channels: int = 3, between: int = 8, out: int = 4, kernel: int = 3, stride: int = 1,
                 act: nn.Module = ACTIVATIONS[2], padding: int | None = None, multiplier: int = 1,
                 last: nn.Module = ACTIVATIONS[0]) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(channels, between, 1), act)
        padding = kernel // 2 if padding is None else padding
        self.depthwise = nn.Sequential(nn.Conv2d(between, between * multiplier, kernel, stride, padding, groups=between,
                                                 bias=multiplier == 1), act)
        self.project = nn.Sequential(nn.Conv2d(between * multiplier, out, 1), last) if out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if x.shape == y.shape else y


def tallest(graph: GraphModule) -> int:
    """Values of the largest expansion."""
    first = [node for node in graph.graph.find_nodes(op="call_function", target=CONV)
             if node.args[1].meta["val"].shape[2:] == (1, 1) and node.args[0].target is torch.ops.aten.slice.Tensor]
    return max(node.meta["val"].numel() for node in first)


@settings(deadline=None, max_examples=80)
@given(height=st.integers(3, 23), width=st.integers(3, 9), kernel=st.integers(2, 5), stride=st.integers(1, 3),
       padding=st.integers(0, 2), out=st.sampled_from([0, 3, 4]), act=st.sampled_from(ACTIVATIONS),
       last=st.sampled_from(ACTIVATIONS), multiplier=st.integers(1, 2), share=st.floats(0.15, 0.95))
def test_strips_are_exact_and_fit(height: int, width: int, kernel: int, stride: int, padding: int, out: int,
                                  act: nn.Module, last: nn.Module, multiplier: int, share: float) -> None:
    """Whatever the window: rows left over at the end, padding above and below, every activation."""
    assume(min(height, width) + 2 * padding >= kernel and 2 * padding <= kernel)
    module = Residual(3, 8, out, kernel, stride, act, padding, multiplier, last)
    cached = int(share * height * width * 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, "CACHED", cached)
        graph, (outcome,) = rewritten(module, torch.randn(1, 3, height, width), Strips(anywhere))
        assert outcome.changed <= 1
        if outcome.changed:
            assert tallest(graph) <= cached
            assert operators(graph)["cat.default"] == 1
            again, _ = rewritten(graph, torch.randn(1, 3, height, width), Strips(anywhere))     # strips stay strips
            assert operators(again) == operators(graph)
        else:
            rows = (height + 2 * padding - kernel) // stride + 1
            assert rows == 1 or kernel * width * 8 > cached or (rows - 1) * stride + kernel > height


def test_the_cache_decides_how_many() -> None:
    """MobileNetV2's first: 4.8 MB in six strips of 24 rows and less; seen in the graph, before any runtime."""
    graph, _ = rewritten(Residual(16, 96, 24, 3, 2), torch.randn(1, 16, 112, 112), Strips(anywhere))
    assert operators(graph) == {"slice.Tensor": 6, "conv2d.default": 18, "hardtanh.default": 12,
                                "constant_pad_nd.default": 1, "cat.default": 1}
    assert 0.8 * strips.CACHED < tallest(graph) <= strips.CACHED


@pytest.mark.parametrize("module", [
    Residual(16, 64, 24),                                                         # a map that the cache holds
    nn.Sequential(nn.Conv2d(3, 144, 1, 2), nn.Conv2d(144, 144, 3, groups=144)),   # an expansion with a stride
    nn.Sequential(nn.Conv2d(3, 144, 1, padding=1), nn.Conv2d(144, 144, 3, groups=144)),
    nn.Sequential(nn.Conv2d(3, 144, 3), nn.Conv2d(144, 144, 3, groups=144)),      # no 1x1
    nn.Sequential(nn.Conv2d(3, 144, 1), nn.GELU(), nn.Conv2d(144, 144, 3, groups=144)),
    nn.Sequential(nn.Conv2d(3, 144, 1), nn.Conv2d(144, 144, 3, groups=72)),
    nn.Sequential(nn.Conv2d(3, 144, 1), nn.Conv2d(144, 144, 3, dilation=2, groups=144)),
    Function(lambda x, a, b: b(y := a(x)) + y.mean(), a=nn.Conv2d(3, 144, 1), b=nn.Conv2d(144, 144, 3, groups=144)),
    Function(lambda x, a, b: b((y := a(x)).relu()) + y.mean(), a=nn.Conv2d(3, 144, 1),
             b=nn.Conv2d(144, 144, 3, groups=144))])
def test_other_things_stay_whole(module: nn.Module) -> None:
    channels = next(module.parameters()).shape[1]
    _, (outcome,) = rewritten(module, torch.randn(1, channels, 56, 56), Strips(anywhere))
    assert (outcome.changed, outcome.refused) == (0, ())


def test_a_row_that_no_cache_holds_is_not_cut() -> None:
    _, (outcome,) = rewritten(Residual(1, 2, 0), torch.randn(1, 1, 3, strips.CACHED), Strips(anywhere))
    assert outcome.changed == 0


def test_unknown_weights_are_refused() -> None:
    module = Function(lambda x, a: torch.conv2d(a(x), x[:, :1, :3, :3].expand(144, 1, 3, 3), groups=144),
                      a=nn.Conv2d(3, 144, 1))
    _, (outcome,) = rewritten(module, torch.randn(1, 3, 56, 56), Strips(anywhere))
    assert [refusal.why for refusal in outcome.refused] == ["its weights are computed from the input"]


def test_sites_tell_what_the_cost_depends_on() -> None:
    seen: list[Site] = []
    tail = nn.Conv2d(4, 144, 1), nn.SiLU(), nn.Conv2d(144, 144, (5, 3), (2, 1), (2, 1), groups=144), nn.Hardswish()
    for module in (Residual(3, 144, 4), nn.Sequential(Residual(3, 144, 4), *tail)):
        rewritten(module, torch.randn(1, 3, 56, 60), Strips(lambda site: bool(seen.append(site))))
    first = Site("strips", (56, 60, 3, 3, 1, 1, 3, 144, 4, 0, 0))
    assert set(seen) == {first, Site("strips", (56, 60, 5, 3, 2, 1, 4, 144, 0, 2, 1))}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("format", ["pte", "tflite"])
@pytest.mark.parametrize("module", [Residual(6, 96, 8, 3, 2), Residual(6, 96, 6, 5, 1, nn.SiLU())])
def test_artifacts_of_strips_are_exact_and_stay_in_one_delegate(module: nn.Module, format: Format,
                                                                precision: Precision, tmp_path: Path) -> None:
    """Through the real runtimes; padding above and below is a PAD that XNNPACK takes."""
    torch.manual_seed(5)
    example = torch.randn(1, 6, 64, 64)
    lower = {"pte": lower_pte, "tflite": lower_tflite}[format]
    lowered = lower(trace(module.eval(), example), example, precision, wanted=anywhere)
    assert dict(lowered.passes)["strips"] == 1
    assert lowered.delegation is not None
    assert (lowered.delegation.delegates, lowered.delegation.nodes_outside) == (1, 0)
    (path := tmp_path / f"model.{format}").write_bytes(lowered.data)
    run = LocalDevice().run(Job(path, format, "infer", lowered.inputs, lowered.outputs), [[example.numpy()]])
    with torch.no_grad():
        right = module(example).numpy()
    assert np.abs(run.outputs[0][0] - right).max() <= {"fp32": 1e-5, "fp16": 5e-3}[precision] * np.abs(right).max()


def test_int8_has_nothing_to_choose() -> None:
    assert "int8" not in Strips.precisions
