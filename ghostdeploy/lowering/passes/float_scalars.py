"""Whole numbers in float arithmetic, said as floats."""

from __future__ import annotations

from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace

ARITHMETIC = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)


class FloatScalars(Rewrite):
    """`x * 2` becomes `x * 2.0` where x is a float tensor.

    ExecuTorch turns the number into a constant of its own type and converts it at run time: one
    `_to_dim_order_copy` outside of the delegate for every whole number.
    """

    name = "float-scalars"

    def matches(self, node: Node) -> bool:
        """Arithmetic of a float tensor with a Python integer."""
        return (node.target in ARITHMETIC and isinstance(node.args[0], Node) and type(node.args[1]) is int
                and node.args[0].meta["val"].is_floating_point())

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same operator with a float."""
        target: Any = node.target
        number: Any = node.args[1]
        replace(node, emit(module, target, operand(node), float(number), **node.kwargs))
