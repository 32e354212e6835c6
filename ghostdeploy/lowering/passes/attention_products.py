"""Scaled dot-product attention as the two products and the softmax that it is."""

from __future__ import annotations

import math
from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class AttentionAsProducts(Rewrite):
    """Writes unmasked attention as softmax(scale * q @ k^T) @ v on three axes.

    torch's own decomposition guards against rows that a mask empties (`eq`, `any`, `where`, ...) and broadcasts four
    axes by `expand`: of the 138 operators that MobileViT-XXS leaves outside of XNNPACK, 117 come from it. Without a
    mask no row can be empty. The result is contiguous, so `LoosenViews` has to run before.
    """

    name = "attention-as-products"

    def matches(self, node: Node) -> bool:
        """Every fused attention."""
        return node.target is aten.scaled_dot_product_attention.default

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Masks, dropout and grouped heads change what is computed."""
        if argument(node, 3, node.kwargs.get("attn_mask")) is not None:
            return "it has a mask"
        if argument(node, 4, 0.0) or argument(node, 5, False) or node.kwargs.get("is_causal"):
            return "it drops or masks scores"
        query, key, value = (shape(operand(node, i)) for i in range(3))
        if not query[:-2] == key[:-2] == value[:-2]:
            return "its heads are shared or broadcast"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """Two batched products around a softmax."""
        named: Any = node.kwargs.get("scale")
        scale = 1.0 / math.sqrt(shape(operand(node))[-1]) if named is None else float(named)
        query, value = (self._flat(module, operand(node, i)) for i in (0, 2))
        scaled = emit(module, aten.mul.Tensor, query, scale)
        scores = emit(module, aten.bmm.default, scaled, self._flat(module, self._transposed(module, operand(node, 1))))
        weights = emit(module, aten.softmax.int, scores, -1)
        mixed = emit(module, aten.bmm.default, weights, value)
        replace(node, emit(module, aten.reshape.default, mixed, list(shape(node))))

    def _transposed(self, module: GraphModule, key: Node) -> Node:
        """Before the heads are flattened, so that `MergePermutes` finds the permutation that brought them there."""
        axes = list(range(len(shape(key))))
        return emit(module, aten.permute.default, key, [*axes[:-2], axes[-1], axes[-2]])

    def _flat(self, module: GraphModule, tensor: Node) -> Node:
        """[..., tokens, width] as [heads, tokens, width]; a copy where the strides demand one."""
        *lead, tokens, width = shape(tensor)
        return emit(module, aten.reshape.default, tensor, [math.prod(lead), tokens, width])
