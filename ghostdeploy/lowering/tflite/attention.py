"""Scaled dot-product attention as two BATCH_MATMULs around a SOFTMAX."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.fx import Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite.elementwise import operand
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.layout import identity
from ghostdeploy.lowering.tflite.linear import multiply
from ghostdeploy.lowering.tflite.registry import emits


@emits(aten.scaled_dot_product_attention.default)
def attention(e: Emission, node: Node) -> None:
    """softmax(q k^T * scale + mask) v over the last two axes; no causal mask, no dropout, no grouped heads."""
    q, k, v = (node.args[i] for i in range(3))
    mask, dropout, causal = (graph.argument(node, i, default) for i, default in ((3, None), (4, 0.0), (5, False)))
    options: dict[str, Any] = dict(node.kwargs)
    if causal or dropout or options.get("enable_gqa"):
        raise e.refusal(node, "attention with a causal mask, dropout or grouped heads is not written",
                        "pass the mask as a tensor, and call eval() on the model")
    assert isinstance(q, Node)
    order = identity(len(graph.shape(node)))
    scale = options.get("scale")
    factor = 1 / math.sqrt(graph.shape(q)[-1]) if scale is None else float(scale)
    scaled = e.binary("MUL", e.read(q, order), e.scalar(factor))
    scores = multiply(e, scaled, e.read(k, order), transposed=True)
    if mask is not None:
        if graph.shape(mask) and mask.meta["val"].dtype is torch.bool:
            raise e.refusal(node, "a boolean attention mask is not written", "pass the mask as numbers to add")
        scores = e.binary("ADD", scores, operand(e, mask, len(order), order))
    multiply(e, e.unary("SOFTMAX", scores, None, "SoftmaxOptions", beta=1.0), e.read(v, order), e.write(node, order))
