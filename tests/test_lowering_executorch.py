"""The .pte lowering: every artifact here is loaded, verified and run by the real ExecuTorch runtime."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from executorch.runtime import Runtime, Verification
from timm.models.vision_transformer import Block
from torch import nn

from ghostdeploy.errors import UnsupportedOperator, UsageError
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Lowered, TensorSpec
from ghostdeploy.lowering.executorch import lower, lower_pte
from ghostdeploy.quantisation import Calibration
from ghostdeploy.trace import trace
from tests.randomise import randomise_norms
from tests.rewriting import Function

LIBRARY = torch.library.Library("ghostdeploy_test", "DEF")
LIBRARY.define("twice(Tensor x) -> Tensor")
LIBRARY.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")


def run_pte(lowered: Lowered, example: torch.Tensor) -> list[torch.Tensor]:
    program = Runtime.get().load_program(lowered.data, verification=Verification.InternalConsistency)
    return [t.clone() for t in program.load_method("forward").execute([example.contiguous()])]


def relative_error(module: nn.Module, lowered: Lowered, example: torch.Tensor) -> float:
    with torch.no_grad():
        expected = module(example)
    (got,) = run_pte(lowered, example)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    return float((got - expected).abs().max() / expected.abs().max())


def relative_errors(module: nn.Module, lowered: Lowered, example: torch.Tensor) -> dict[str, float]:
    """One figure for each of the functions of a `Many`."""
    with torch.no_grad():
        expected = module(example)
    return {name: float((got - want).abs().max() / want.abs().max())
            for name, got, want in zip(module.functions, run_pte(lowered, example), expected, strict=True)}


class Many(nn.Module):
    """Many small cases in one graph, because each lowering costs seconds. A function gets a map, a gate of half its
    size, both from convolutions of its own, and the input."""

    def __init__(self, functions, channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.functions = functions
        self.maps = nn.ModuleList(nn.Conv2d(3, channels, 3, padding=1) for _ in functions)
        self.gates = nn.ModuleList(nn.Conv2d(3, channels, 3, 2, 1) for _ in functions)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(function(map_(x), torch.sigmoid(gate(x)), x)
                     for function, map_, gate in zip(self.functions.values(), self.maps, self.gates, strict=True))


def up(x: torch.Tensor, factor: float = 2) -> torch.Tensor:
    return F.interpolate(x, scale_factor=factor, mode="nearest")


def _twice_read(y, g, x):
    doubled = up(g)
    return y * doubled + doubled


def _squared(y, g, x):
    doubled = up(g)
    return doubled * doubled


GATES = {
    "product": lambda y, g, x: y * up(g),
    "product, other order": lambda y, g, x: up(g) * y,
    "upsampled again for a sum": lambda y, g, x: y * up(g) + up(g),
    "product and sum of one": _twice_read,
    "two products of one": lambda y, g, x: (lambda u: (y * u) * (torch.tanh(y) * u))(up(g)),
    "product of two upsamples": lambda y, g, x: up(g) * up(torch.tanh(g)),
    "square": _squared,
    "scaled by a number": lambda y, g, x: up(g) * 0.5,
    "scaled per channel": lambda y, g, x: up(g) * y.mean((2, 3), keepdim=True),
    "relu behind": lambda y, g, x: torch.relu(y * up(g)) + 0.25,
    "an output": lambda y, g, x: up(g),
    "of the contiguous input": lambda y, g, x: up(x) + 1.0,
    "a chain": lambda y, g, x: up(up(g)) * up(y),
    "plain product": lambda y, g, x: y * y,
}
SLICED = {
    "product": GATES["product"],
    "by three": lambda y, g, x: up(g, 3) + 1.0,
    "no whole factor": lambda y, g, x: F.interpolate(g, size=(7, 16)) * 0.5,
    "smaller": lambda y, g, x: F.interpolate(y, size=(4, 5)) - 0.5,
    "by eleven": lambda y, g, x: F.interpolate(y, size=(10, 154)) - 0.5,
    "one pixel": lambda y, g, x: F.interpolate(y.mean((2, 3), keepdim=True), size=(10, 14)) * y,
}
PIECES = {
    "average pools": lambda y, g, x: F.avg_pool2d(F.avg_pool2d(y, 2), 3, 2, 1) + F.avg_pool2d(
        F.avg_pool2d(y, 2), 3, 2, 1, count_include_pad=False),
    "max pools": lambda y, g, x: F.max_pool2d(F.max_pool2d(y, 3, 2, ceil_mode=True), 2),
    "shuffle": lambda y, g, x: torch.cat([t * (i + 1) for i, t in enumerate(y.chunk(2, 1))], 1).view(
        1, 2, 3, 10, 14).transpose(1, 2).reshape(1, 6, 10, 14),
    "activations": lambda y, g, x: F.hardsigmoid(5 * y) * F.hardswish(5 * y) + F.silu(y) - F.hardtanh(
        y, 0, 1) + F.relu6(y),
    "tail": lambda y, g, x: F.adaptive_avg_pool2d(y, 1).flatten(1) + g.mean((2, 3)),
    "gelu": lambda y, g, x: F.gelu(3 * y) * 2,
}


@pytest.mark.parametrize("batch", [1, 3])
def test_nearest_2x_is_inside_the_delegate_and_exact(batch: int) -> None:
    module, example = Many(GATES).eval(), torch.randn(batch, 3, 10, 14)
    lowered = lower_pte(trace(module, example), example)
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    assert dict(lowered.passes)["nearest-as-slices"] == 0
    assert {name: e for name, e in relative_errors(module, lowered, example).items() if e > 1e-6} == {}


@pytest.mark.parametrize("plugin", [True, False])
def test_slices_do_the_other_factors_and_stand_in_for_the_plugin(plugin: bool) -> None:
    module, example = Many(SLICED).eval(), torch.randn(1, 3, 10, 14)
    lowered = lower_pte(trace(module, example), example, plugin=plugin)
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    assert dict(lowered.passes)["nearest-as-slices"] == (5 if plugin else 6)
    assert {name: e for name, e in relative_errors(module, lowered, example).items() if e > 1e-6} == {}


class Noted:
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_where_executorch_does_not_take_the_plugin_slices_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from ghostdeploy.lowering.executorch.nearest import NearestConfig

    monkeypatch.setattr(NearestConfig, "check_constraints", lambda self, node, ep: False)
    module, example, said = Many(GATES).eval(), torch.randn(1, 3, 10, 14), Noted()
    lowered = lower_pte(trace(module, example), example, progress=said)
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    assert dict(lowered.passes)["nearest-as-slices"] > 0
    assert ["our plug-in writes" in note for note in said.notes] == [False, True]
    assert {name: e for name, e in relative_errors(module, lowered, example).items() if e > 1e-6} == {}


def test_pieces_of_the_zoo_are_one_delegate() -> None:
    module, example = Many(PIECES).eval(), torch.randn(1, 3, 10, 14)
    lowered = lower_pte(trace(module, example), example)
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    assert [s.name for s in lowered.outputs] == ["output", *(f"output_{i}" for i in range(1, len(PIECES)))]
    assert {name: e for name, e in relative_errors(module, lowered, example).items() if e > 2e-6} == {}


def test_what_the_artifact_says_about_itself() -> None:
    module = Function(lambda x, conv: conv(x), conv=nn.Conv2d(3, 4, 3)).eval()
    example = torch.randn(1, 3, 6, 5)
    graph = trace(module, example)
    before = str(graph.graph)
    lowered = lower_pte(graph, example)
    assert str(graph.graph) == before
    assert lowered.inputs == (TensorSpec("input", (1, 3, 6, 5), "float32", "nchw"),)
    assert lowered.outputs == (TensorSpec("output", (1, 4, 4, 3), "float32", "nchw"),)
    assert (lowered.format, lowered.precision, lowered.runtime.name) == ("pte", "fp32", "executorch")
    assert lowered.delegation.share == 1.0
    assert lowered.delegation.nodes_delegated == 1


def test_what_stays_outside_is_counted_and_runs() -> None:
    module = Function(lambda x, conv: torch.cumsum(conv(x), 1) * 2, conv=nn.Conv2d(3, 4, 3)).eval()
    example = torch.randn(1, 3, 6, 5)
    lowered = lower_pte(trace(module, example), example)
    assert lowered.delegation.outside == {"aten.cumsum.default": 1}
    assert (lowered.delegation.delegates, lowered.delegation.nodes_outside) == (2, 1)
    assert relative_error(module, lowered, example) < 1e-6


@pytest.mark.parametrize(("function", "operator"), [
    (lambda x: torch.ops.ghostdeploy_test.twice(x) + 1, r"ghostdeploy_test\.twice.*\(node twice"),
    (lambda x: torch.special.bessel_j0(x) + 1, r"bessel_j0.*\(node ")])
def test_an_operator_without_a_kernel_is_refused_by_name(function, operator: str) -> None:
    graph = trace(Function(function), torch.randn(1, 3, 4, 4))
    with pytest.raises(UnsupportedOperator, match=operator):
        lower_pte(graph, torch.randn(1, 3, 4, 4))


class Small(nn.Module):
    """Convolutions of every kind, squeeze-excite, a gate at 2x and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 5, 1, 2, groups=16), nn.BatchNorm2d(16), nn.ReLU6())
        self.gate, self.squeeze = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.depthwise(self.stem(x))
        x = x * up(torch.sigmoid(self.gate(F.avg_pool2d(x, 2))))
        x = F.silu(x * F.hardsigmoid(self.squeeze(x.mean((2, 3), keepdim=True))))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def test_where_executorch_does_not_take_casts_they_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    from ghostdeploy.lowering.executorch.half_casts import CastConfig

    monkeypatch.setattr(CastConfig, "check_constraints", lambda self, node, ep: False)
    module, example = Function(lambda x, conv: conv(x), conv=nn.Conv2d(3, 4, 1)).eval(), torch.randn(1, 3, 6, 5)
    said = Noted()
    lowered = lower_pte(trace(module, example), example, "fp16", said)
    assert lowered.delegation.outside == {"dim_order_ops._to_dim_order_copy.default": 2}
    assert ["our plug-in writes" in note for note in said.notes] == [False, True]
    assert relative_error(module, lowered, example) < 5e-3


@pytest.mark.parametrize("plugin", [True, False])
def test_half_precision_is_one_delegate_with_or_between_two_casts(plugin: bool) -> None:
    torch.manual_seed(0)
    module, example = randomise_norms(Small()).eval(), torch.randn(1, 3, 32, 32)
    fused = fuse(module, example).module
    full, half = lower_pte(fused, example), lower_pte(fused, example, "fp16", plugin=plugin)
    assert half.delegation.delegates == 1
    assert half.delegation.outside == ({} if plugin else {"dim_order_ops._to_dim_order_copy.default": 2})
    assert half.inputs == full.inputs
    assert half.outputs == full.outputs
    assert 1e-6 < relative_error(module, half, example) < 5e-3
    assert relative_error(module, full, example) < 1e-6


def test_transformers_in_half_precision_are_one_delegate() -> None:
    """A gelu runs in float32 between two casts, for XNNPACK has no other, and a scale is a constant in half."""
    torch.manual_seed(0)
    module = nn.Sequential(Block(16, 2), nn.Flatten(), nn.Linear(80, 3)).eval()
    example = torch.randn(1, 5, 16)
    half = lower_pte(fuse(module, example).module, example, "fp16")
    assert (half.delegation.delegates, half.delegation.outside) == (1, {})
    assert 1e-6 < relative_error(module, half, example) < 5e-3


def test_half_precision_leaves_classes_alone_and_takes_infinity() -> None:
    """A class is a number of its own kind, and what is masked out by minus infinity is so in half precision, too."""
    torch.manual_seed(0)
    mask = torch.tensor([0.0, -torch.inf, 0.0, 0.0])
    module = Function(lambda x, linear: (linear(x) + mask).argmax(1), linear=nn.Linear(6, 4)).eval()
    example = torch.randn(9, 6)
    lowered = lower_pte(trace(module, example), example, "fp16")
    (got,) = run_pte(lowered, example)
    assert got.dtype == torch.int64 and torch.equal(got, module(example)) and 1 not in got
    assert lowered.outputs[0].dtype == "int64"


def test_what_fails_before_executorch_is_not_called_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lower, "run", broken)
    with pytest.raises(ZeroDivisionError):
        lower_pte(trace(Function(lambda x: x + 1), torch.ones(1, 3, 4, 4)), torch.ones(1, 3, 4, 4))


def test_agreement_of_several_outputs_is_refused() -> None:
    example = torch.randn(1, 3, 8, 8)
    graph = trace(Function(lambda x, a: (a(x), a(x).mean((2, 3))), a=nn.Conv2d(3, 4, 3)).eval(), example)
    with pytest.raises(UsageError, match="until answers agree"):
        lower_pte(graph, example, "int8", calibration=Calibration((example,), agreement=0.9))
    assert len(lower_pte(graph, example, "int8", calibration=Calibration((example,))).outputs) == 2


def test_half_precision_refuses_what_does_not_fit() -> None:
    module = Function(lambda x, conv: conv(x), conv=nn.Conv2d(3, 4, 3)).eval()
    module.parts["conv"].weight.data[0] = 1e5
    graph = trace(module, torch.randn(1, 3, 6, 5))
    with pytest.raises(UnsupportedOperator, match="parts_conv_weight does not fit into float16"):
        lower_pte(copy.deepcopy(graph), torch.randn(1, 3, 6, 5), "fp16")
    with pytest.raises(UsageError, match="int8 needs real inputs"):
        lower_pte(graph, torch.randn(1, 3, 6, 5), "int8")
