"""Hard-sigmoid as a clamp, its slope and offset inside the convolution before it."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace

CONVOLUTIONS = (aten.conv2d.default, aten.linear.default)


class HardSigmoidAsClamp(Rewrite):
    """Writes hardsigmoid(x) = clamp(x / 6 + 1/2, 0, 1) = clamp(x + 3, 0, 6) / 6 with operators that delegates take.

    What comes before the clamp goes into the weights of the convolution or linear layer that computes x, if nothing
    else reads x and its weights are constants; else it is an explicit multiplication and addition. Computed in float64
    and rounded once. ExecuTorch's own decomposition leaves two dtype copies of a constant per use outside the delegate
    (7 in GhostNetV3), and TFLite has no hard-sigmoid.

    Args:
        unit: True ends in hardtanh(0, 1), which ExecuTorch fuses into the convolution (it does not fuse `clamp`); False
            in relu6 and a multiplication by 1/6, for TFLite, whose RELU_0_TO_1 is not delegated (7 holes measured).
    """

    name = "hard-sigmoid-as-clamp"

    def __init__(self, unit: bool = True) -> None:
        self.unit = unit

    def matches(self, node: Node) -> bool:
        """Every hard-sigmoid."""
        return node.target is aten.hardsigmoid.default

    def apply(self, module: GraphModule, node: Node) -> None:
        """Offset (and slope), clamp, and what is left of the slope."""
        shifted = self._folded(module, operand(node)) or self._explicit(module, operand(node))
        clamped = emit(module, aten.hardtanh.default, shifted, 0.0, 1.0 if self.unit else 6.0)
        replace(node, clamped if self.unit else emit(module, aten.mul.Tensor, clamped, 1.0 / 6.0))

    def _folded(self, module: GraphModule, source: Node) -> Node | None:
        if source.target not in CONVOLUTIONS or len(source.users) != 1:
            return None
        weight, bias = constant(module, source.args[1]), constant(module, argument(source, 2, None))
        if weight is None or (bias is None and argument(source, 2, None) is not None):
            return None
        exact = torch.zeros(weight.shape[0], dtype=torch.float64) if bias is None else bias.to(torch.float64)
        slope = 1.0 / 6.0 if self.unit else 1.0
        name, dtype = f"hard_sigmoid_{source.name}", weight.dtype
        new_weight = new_constant(module, f"{name}_weight", (weight.to(torch.float64) * slope).to(dtype))
        new_bias = new_constant(module, f"{name}_bias", ((exact + 3.0) * slope).to(dtype))
        convolution: Any = source.target
        return emit(module, convolution, operand(source), new_weight, new_bias, *source.args[3:], **source.kwargs)

    def _explicit(self, module: GraphModule, source: Node) -> Node:
        if not self.unit:
            return emit(module, aten.add.Tensor, source, 3.0)
        return emit(module, aten.add.Tensor, emit(module, aten.mul.Tensor, source, 1.0 / 6.0), 0.5)

