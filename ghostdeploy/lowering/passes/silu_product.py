"""SiLU as the product that it is."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class SiluAsProduct(Rewrite):
    """Writes silu(x) as x * sigmoid(x).

    In float32 ExecuTorch's decomposition does the same; in float16 it computes in float32 between two casts, and each
    cast is a hole in the delegate. TFLite has no SiLU.
    """

    name = "silu-as-product"

    def matches(self, node: Node) -> bool:
        """Every SiLU."""
        return node.target is aten.silu.default

    def apply(self, module: GraphModule, node: Node) -> None:
        """The product."""
        replace(node, emit(module, aten.mul.Tensor, operand(node), emit(module, aten.sigmoid.default, operand(node))))
