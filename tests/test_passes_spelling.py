"""No-ops, views, splits and activations, against eager."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import Graph, GraphModule

from ghostdeploy.lowering.passes import (
    AttentionAsProducts,
    DropNoops,
    FloatScalars,
    HardSigmoidAsClamp,
    SelectAsSlice,
    SiluAsProduct,
    SpellAsView,
    SpellHardtanhLimits,
    SplitAsSlices,
    run,
)
from ghostdeploy.lowering.passes.shapes import Shapes
from tests.rewriting import Function, operators, rewritten

EXAMPLE = torch.randn(2, 6, 8, 4)


@pytest.mark.parametrize("function", [
    lambda x: F.dropout(x, 0.5, training=False) + 1, lambda x: x.clone() + 1, lambda x: x.expand(-1, 6, 8, 4) + 1,
    lambda x: x.reshape(2, 6, 8, 4) + 1, lambda x: x[:, :, :, :] + 1, lambda x: F.pad(x, (0, 0, 0, 0)) + 1,
    lambda x: x + 0 + 1, lambda x: x * 1.0 + 1, lambda x: x / 1 - 0 + 1, lambda x: x.contiguous() + 1,
    lambda x: x.detach().clone().clone() + 1])
def test_noops_go(function) -> None:
    graph, _ = rewritten(Function(function), EXAMPLE, DropNoops())
    assert operators(graph) == {"add.Tensor": 1}


def test_a_contiguous_copy_stays_in_a_channel_shuffle() -> None:
    shuffle = Function(lambda x: x.view(2, 2, 3, 8, 4).transpose(1, 2).contiguous().view(2, 6, 8, 4))
    graph, (outcome,) = rewritten(shuffle, EXAMPLE, DropNoops())
    assert "strides" in outcome.refused[0].why
    assert sum(operators(graph)[op] for op in ("clone.default", "contiguous.default")) == 1


def test_a_conversion_stays() -> None:
    _, (outcome,) = rewritten(Function(lambda x: x.to(torch.float64).sum(1).float()), EXAMPLE, DropNoops())
    assert {r.why for r in outcome.refused} == {"its result has another dtype or shape than its operand"}


def test_a_product_with_half_of_one_is_no_noop() -> None:
    assert rewritten(Function(lambda x: x * 0.5 + 2), EXAMPLE, DropNoops())[1][0].changed == 0


@pytest.mark.parametrize("function", [
    lambda x: x.flatten(1), lambda x: x.unsqueeze(1), lambda x: x[:, :1].squeeze(1), lambda x: x[:1, :1].squeeze(),
    lambda x: x.reshape(2, -1), lambda x: x.unflatten(1, (2, 3))])
def test_changes_of_shape_become_views(function) -> None:
    graph, _ = rewritten(Function(function), EXAMPLE, SpellAsView())
    assert set(operators(graph)) <= {"view.default", "slice.Tensor"}
    assert operators(graph)["view.default"] == 1


def test_a_reshape_that_copies_stays() -> None:
    """Written by hand: the trace spells it as a clone and a view."""
    graph = Graph()
    turned = graph.call_function(torch.ops.aten.transpose.int, (graph.placeholder("x"), 1, 2))
    graph.output(graph.call_function(torch.ops.aten.reshape.default, (turned, [2, -1])))
    module = GraphModule(nn.Module(), graph)
    Shapes().refresh(module, EXAMPLE)
    (outcome,) = run((SpellAsView(),), module, EXAMPLE)
    assert outcome.changed == 0
    assert ["copies" in refused.why for refused in outcome.refused] == [True]


@pytest.mark.parametrize("function", [
    lambda x: sum(t * (i + 1) for i, t in enumerate(x.chunk(3, 1))),
    lambda x: torch.cat(x.split([1, 2, 3], 1)[::-1], 1), lambda x: x.split(5, 2)[1] + 0.5,
    lambda x: x.unbind(3)[-1] - x.unbind(3)[0], lambda x: x.split(4, -2)[0] * x.split(4, -2)[1]])
def test_splits_become_slices(function) -> None:
    graph, _ = rewritten(Function(function), EXAMPLE, SplitAsSlices())
    assert not [op for op in operators(graph) if "split" in op or "chunk" in op or "unbind" in op or "getitem" in op]
    assert operators(graph)["slice.Tensor"] >= 1


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("layer", [nn.Conv2d(6, 5, 3, 2, 1, groups=1), nn.Conv2d(6, 6, 3, groups=6, bias=False),
                                   nn.Linear(4, 7), nn.Linear(4, 7, bias=False)])
def test_hard_sigmoid_goes_into_the_layer_before(layer: nn.Module, unit: bool) -> None:
    graph, _ = rewritten(Function(lambda x, layer: F.hardsigmoid(layer(x)), layer=layer), 3 * EXAMPLE,
                         HardSigmoidAsClamp(unit))
    assert sum(operators(graph).values()) == (2 if unit else 3)
    assert operators(graph)["hardtanh.default"] == 1
    assert operators(graph)["mul.Tensor"] == (0 if unit else 1)


@pytest.mark.parametrize("unit", [True, False])
def test_hard_sigmoid_of_a_shared_or_other_operand_is_written_out(unit: bool) -> None:
    conv = nn.Conv2d(6, 6, 1)
    for function in (lambda x, conv: F.hardsigmoid(x), lambda x, conv: (lambda y: F.hardsigmoid(y) * y)(conv(x))):
        graph, _ = rewritten(Function(function, conv=conv), 3 * EXAMPLE, HardSigmoidAsClamp(unit))
        assert operators(graph)["add.Tensor"] == 1
        assert not operators(graph)["hardsigmoid.default"]


@pytest.mark.parametrize("layer", [nn.Hardtanh(), nn.Hardtanh(0, 1), nn.Hardtanh(-2, 3), nn.ReLU6()])
def test_limits_are_spelled_as_floats(layer: nn.Module) -> None:
    graph, _ = rewritten(layer, 5 * EXAMPLE, SpellHardtanhLimits())
    (node,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.hardtanh.default)
    assert len(node.args) == 3
    assert all(isinstance(limit, float) for limit in node.args[1:])


def test_silu_is_a_product() -> None:
    graph, _ = rewritten(nn.SiLU(), EXAMPLE, SiluAsProduct())
    assert operators(graph) == {"sigmoid.default": 1, "mul.Tensor": 1}


def test_whole_numbers_become_floats_for_float_tensors_only() -> None:
    graph, (outcome,) = rewritten(Function(lambda x: (x * 2 - 3) / 4 + x.argmax(1, keepdim=True) * 5), EXAMPLE,
                                  FloatScalars())
    assert outcome.changed == 3
    assert operators(graph)["mul.Tensor"] == 2


def _attention(x, **options):
    q, k, v = x.reshape(2, 6, 4, 2, 4).permute(3, 0, 2, 1, 4)[[0, 1, 0]].unbind(0)
    return F.scaled_dot_product_attention(q, k[:, :, :5], v[:, :, :5], **options)


@pytest.mark.parametrize("options", [{}, {"scale": 0.25}])
def test_attention_is_two_products(options) -> None:
    graph, _ = rewritten(Function(lambda x: _attention(x, **options)), EXAMPLE, AttentionAsProducts())
    assert (operators(graph)["bmm.default"], operators(graph)["softmax.int"]) == (2, 1)
    assert not [op for op in operators(graph) if "attention" in op]


@pytest.mark.parametrize(("options", "why"), [
    ({"attn_mask": torch.eye(6, 5).bool() | (torch.arange(5) == 0)}, "mask"), ({"is_causal": True}, "masks scores")])
def test_masked_attention_is_refused(options, why: str) -> None:
    _, (outcome,) = rewritten(Function(lambda x: _attention(x, **options)), EXAMPLE, AttentionAsProducts())
    assert why in outcome.refused[0].why


@pytest.mark.parametrize("function", [lambda x: x[:, 0], lambda x: x.select(-1, -2) + x[..., 1], lambda x: x[1, 2]])
def test_a_select_is_a_slice(function) -> None:
    graph, _ = rewritten(Function(function), EXAMPLE, SelectAsSlice())
    assert not operators(graph)["select.int"]
    assert operators(graph)["slice.Tensor"] == operators(graph)["reshape.default"] >= 1
