"""`trace`: functional, faithful, and it leaves the module alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ghostdeploy.errors import ExportFailed, InputSizeRejected
from ghostdeploy.trace import trace
from tests.randomise import randomise_norms


class WritesView(nn.Module):
    """An in-place activation on half of a tensor whose whole is read afterwards."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        _, half = y.chunk(2, 1)
        half.relu_()
        return y + 1


class WritesCopy(nn.Module):
    """An in-place activation on a copy: the source keeps its values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        z = y.clone()
        z.relu_()
        return y + z


class WritesBorder(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.pad(x, [1, 1, 1, 1])
        y[:, :, :1] = 3.0
        return y


class ReadsBefore(nn.Module):
    """A reshaped copy is taken before the write, and read after it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        rows = y.transpose(1, 2).reshape(x.shape[0], -1)
        y.relu_()
        return rows.sum() + y


class WritesInput(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).relu_() + x.flatten(1)


def conv_net() -> nn.Module:
    return randomise_norms(nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU6(inplace=True), nn.Dropout(0.5),
                                         nn.Conv2d(6, 5, 1), nn.Hardswish(inplace=True), nn.Flatten()))


@pytest.mark.parametrize("module", [WritesView(), WritesCopy(), WritesBorder(), ReadsBefore(), conv_net()],
                         ids=lambda m: type(m).__name__)
def test_graph_is_functional_and_computes_the_same(module: nn.Module) -> None:
    example = torch.randn(1, 4, 6, 5)
    graph = trace(module, example)
    for x in (example, torch.randn(1, 4, 6, 5)):
        assert torch.equal(graph(x.clone()), module.eval()(x.clone()))
    for node in graph.graph.nodes:
        if node.op == "call_function":
            assert not getattr(getattr(node.target, "_schema", None), "is_mutable", False), node
            assert "val" in node.meta


def test_model_that_writes_its_input_is_not_silently_changed() -> None:
    x = torch.randn(1, 4, 6, 5)
    try:
        graph = trace(WritesInput(), x)
    except ExportFailed:
        return
    assert torch.equal(graph(x.clone()), WritesInput()(x.clone()))


def test_module_is_left_alone() -> None:
    module = conv_net().train()
    module[3].eval()
    flags = [m.training for m in module.modules()]
    state = {k: v.clone() for k, v in module.state_dict().items()}
    graph = trace(module, torch.randn(1, 4, 6, 5))
    assert [m.training for m in module.modules()] == flags
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
    targets = [n.target for n in graph.graph.nodes]
    assert torch.ops.aten.dropout.default not in targets                            # traced as it evaluates
    assert targets.count(torch.ops.aten.batch_norm.default) == 1


def test_parameters_keep_their_names() -> None:
    graph = trace(conv_net(), torch.randn(1, 4, 6, 5))
    origins = {n.meta["origin"] for n in graph.graph.nodes if n.op == "get_attr"}
    assert origins == {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight",
                       "4.bias"}


def test_outputs_keep_their_structure() -> None:
    class Structured(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, object]:
            return {"a": x + 1, "b": (x * 2, [x])}

    x = torch.randn(1, 3)
    out = trace(Structured(), x)(x)
    assert torch.equal(out["a"], x + 1)
    assert torch.equal(out["b"][0], x * 2)
    assert torch.equal(out["b"][1][0], x)


def test_control_flow_on_values_is_refused_with_torchs_reason() -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(ExportFailed) as caught:
        trace(Branches(), torch.randn(1, 3))
    assert "data-dependent" in caught.value.why.lower()
    assert "\n" not in caught.value.what + caught.value.why


@pytest.mark.parametrize("size", [(1, 3, 2, 2), (1, 5, 8, 8)], ids=["too small", "other channels"])
def test_size_that_the_model_refuses(size: tuple[int, ...]) -> None:
    with pytest.raises(InputSizeRejected) as caught:
        trace(nn.Sequential(nn.Conv2d(3, 4, 5)), torch.randn(size))
    assert "x".join(map(str, size)) in caught.value.what
    assert caught.value.why


def test_size_that_the_model_checks_itself() -> None:
    class Checked(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch._assert(x.shape[-1] == 224, f"Input width ({x.shape[-1]}) does not match model (224)")
            return x

    with pytest.raises(InputSizeRejected, match="1x3x192x192"):
        trace(Checked(), torch.randn(1, 3, 192, 192))


def test_model_that_is_broken_anyway_is_no_size_problem() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.missing(x)

    with pytest.raises(ExportFailed, match="before any tracing"):
        trace(Broken(), torch.randn(1, 3))
