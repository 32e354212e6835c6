"""Norms and projections of transformers, against eager, and what the delegates then take."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.passes import (
    AttentionAsProducts,
    LayerNormAsProducts,
    LoosenViews,
    MergePermutes,
    NormAffineIntoLinear,
    SplitProjection,
)
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.trace import trace
from tests.rewriting import Function, operators, rewritten

TOKENS = torch.randn(1, 7, 12, generator=torch.Generator().manual_seed(0))


def wide(norm: nn.LayerNorm) -> nn.LayerNorm:
    """Scale and shift as training leaves them, far from 1 and 0."""
    torch.manual_seed(1)
    with torch.no_grad():
        if norm.weight is not None:
            norm.weight.normal_(1, 0.5)
        if norm.bias is not None:
            norm.bias.normal_(0, 0.5)
    return norm


@pytest.mark.parametrize("norm", [nn.LayerNorm(12), nn.LayerNorm(12, bias=False), nn.LayerNorm(12, eps=1e-3)])
@pytest.mark.parametrize("bias", [True, False])
def test_scale_and_shift_go_into_every_linear_layer_that_reads_them(norm: nn.LayerNorm, bias: bool) -> None:
    module = Function(lambda x, norm, a, b: a(n := norm(x)) + b(n), norm=wide(norm), a=nn.Linear(12, 5, bias=bias),
                      b=nn.Linear(12, 5))
    graph, (outcome,) = rewritten(module, TOKENS, NormAffineIntoLinear())
    assert outcome.changed == 1
    (left,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.layer_norm.default)
    assert left.args[2:4] == (None, None)


@pytest.mark.parametrize("reader", [lambda n, a: a(n) + n.sum(), lambda n, a: n, lambda n, a: F.linear(a.weight, n)])
def test_a_norm_that_others_read_keeps_its_own(reader) -> None:
    module = Function(lambda x, norm, a: reader(norm(x)[0], a), norm=wide(nn.LayerNorm(12)), a=nn.Linear(12, 5))
    _, (outcome,) = rewritten(module, TOKENS, NormAffineIntoLinear())
    assert outcome.changed == 0


@pytest.mark.parametrize("norm", [nn.LayerNorm(12), nn.LayerNorm(12, elementwise_affine=False), nn.LayerNorm(12, 1e-2)])
def test_layer_norms_become_products(norm: nn.LayerNorm) -> None:
    graph, _ = rewritten(wide(norm), TOKENS * 3 + 1, LayerNormAsProducts())
    assert operators(graph)["layer_norm.default"] == 0


def test_norms_over_more_axes_stay() -> None:
    _, (outcome,) = rewritten(nn.LayerNorm((7, 12)), TOKENS, LayerNormAsProducts())
    assert outcome.changed == 0


class Attention(nn.Module):
    """As timm writes it: one projection for queries, keys and values."""

    def __init__(self, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.norm, self.heads = wide(nn.LayerNorm(12)), heads
        self.qkv, self.proj = nn.Linear(12, 36, bias=bias), nn.Linear(12, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return x + self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_queries_keys_and_values_get_a_layer_each(heads: int, bias: bool) -> None:
    graph, _ = rewritten(Attention(heads, bias), TOKENS, SplitProjection())
    counts = operators(graph)
    assert (counts["unbind.int"], counts["linear.default"]) == (0, 4)


def test_a_projection_that_is_not_cut_in_its_order_stays() -> None:
    def interleaved(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
        first, second, third = layer(x).reshape(1, 7, 12, 3).permute(3, 0, 1, 2).unbind(0)
        return first * second + third

    _, (outcome,) = rewritten(Function(interleaved, layer=nn.Linear(12, 36)), TOKENS, SplitProjection())
    assert outcome.changed == 0


def test_keys_are_transposed_once() -> None:
    graph, _ = rewritten(Attention(3), TOKENS, SplitProjection(), LoosenViews(), AttentionAsProducts(), MergePermutes())
    assert operators(graph)["permute.default"] == 3


@pytest.mark.parametrize("lower", [lower_pte, lower_tflite])
def test_a_transformer_block_is_one_delegate(lower) -> None:
    module = nn.Sequential(Attention(3), nn.LayerNorm(12), nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12)).eval()
    delegation = lower(trace(module, TOKENS), TOKENS).delegation
    assert (delegation.delegates, delegation.outside) == (1, {})
