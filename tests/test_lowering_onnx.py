"""The ONNX lowering: every model here is checked and run by onnxruntime."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ghostdeploy.errors import UnsupportedOperator, UsageError
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Lowered, TensorSpec
from ghostdeploy.lowering.onnx import lower_onnx
from ghostdeploy.trace import trace
from tests.randomise import randomise_norms
from tests.rewriting import Function

EXAMPLE = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))


class Small(nn.Module):
    """Fused convolutions, a gate at a factor that is no whole number, hard-sigmoid, a split, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.gate, self.head = nn.Conv2d(16, 16, 1), nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x * F.interpolate(torch.sigmoid(self.gate(F.avg_pool2d(x, 5, 2))), size=(12, 12), mode="nearest")
        a, b = F.max_pool2d(x, 3, 2, 1).chunk(2, 1)
        return self.head(F.adaptive_avg_pool2d(torch.cat([F.hardsigmoid(a), F.silu(b)], 1), 1).flatten(1))


@pytest.fixture(scope="module")
def small() -> tuple[nn.Module, torch.fx.GraphModule]:
    torch.manual_seed(0)
    module = randomise_norms(Small()).eval()
    return module, fuse(module, EXAMPLE).module


def run_onnx(lowered: Lowered, example: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(lowered.data, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == [s.name for s in lowered.inputs]
    (result,) = session.run([s.name for s in lowered.outputs], {lowered.inputs[0].name: example.numpy()})
    return torch.from_numpy(result)


def relative_error(module: nn.Module, lowered: Lowered, example: torch.Tensor) -> float:
    with torch.no_grad():
        expected = module(example)
    got = run_onnx(lowered, example)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    return float((got - expected).abs().max() / expected.abs().max())


def test_a_fused_network_runs_in_onnxruntime(small, capsys: pytest.CaptureFixture[str]) -> None:
    module, graph = small
    lowered = lower_onnx(graph, EXAMPLE)
    assert relative_error(module, lowered, EXAMPLE) < 1e-6
    assert lowered.inputs == (TensorSpec("input", (1, 3, 24, 24), "float32", "nchw"),)
    assert lowered.outputs == (TensorSpec("output", (1, 10), "float32", "plain"),)
    assert (lowered.delegation, lowered.runtime.name, lowered.runtime.minimum) == (None, "onnxruntime", "1.14")
    assert capsys.readouterr().out == "", "stdout belongs to --json"


def test_the_oldest_runtime_is_what_the_file_says(small) -> None:
    model = onnx.load_from_string(lower_onnx(small[1], EXAMPLE).data)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, [(o.domain, o.version) for o in model.opset_import]) == (8, [("", 18)])
    assert not [n for n in model.graph.node if n.op_type == "BatchNormalization"]


def test_half_precision_halves_the_file(small) -> None:
    module, graph = small
    full, half = lower_onnx(graph, EXAMPLE), lower_onnx(graph, EXAMPLE, "fp16")
    assert 1e-6 < relative_error(module, half, EXAMPLE) < 5e-3
    assert half.inputs == full.inputs
    model = onnx.load_from_string(half.data)
    weights = [t for t in model.graph.initializer if t.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)]
    assert {t.data_type for t in weights} == {onnx.TensorProto.FLOAT16}


@pytest.mark.parametrize(("size", "out"), [(3, 7), (4, 7), (5, 8), (6, 3), (13, 29)])
def test_nearest_at_any_factor_is_bit_exact(size: int, out: int) -> None:
    module = Function(lambda x: F.interpolate(x, size=(out, 2 * size), mode="nearest"))
    example = torch.randn(1, 2, size, size)
    assert torch.equal(run_onnx(lower_onnx(trace(module, example), example), example), module(example))


LIBRARY = torch.library.Library("ghostdeploy_test_onnx", "DEF")
LIBRARY.define("twice(Tensor x) -> Tensor")
LIBRARY.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")


@pytest.mark.parametrize(("function", "operator"), [
    (lambda x: torch.ops.ghostdeploy_test_onnx.twice(x) + 1, r"ghostdeploy_test_onnx\.twice.*\(node twice"),
    (lambda x: torch.special.bessel_j0(x) + 1, "bessel_j0")])
def test_an_operator_that_onnx_lacks_is_refused_by_name(function, operator: str) -> None:
    graph = trace(Function(function), EXAMPLE)
    with pytest.raises(UnsupportedOperator, match=operator):
        lower_onnx(graph, EXAMPLE)


def test_other_precisions_are_refused(small) -> None:
    with pytest.raises(UsageError, match="no int8 lowering"):
        lower_onnx(small[1], EXAMPLE, "int8")
