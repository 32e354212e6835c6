"""Numbers in float arithmetic, said as what ExecuTorch need not convert at run time."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import new_constant
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace

ARITHMETIC = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)


class FloatScalars(Rewrite):
    """`x * 2` becomes `x * 2.0` where x is a float tensor, or x times a constant of the graph, which can be halved.

    ExecuTorch turns the number into a constant of its own type, float32 if it is a float, and converts it at run time:
    one `_to_dim_order_copy` outside of the delegate for every whole number, and beside float16 for every number
    (DeiT-tiny: 12, one for each attention's scale).
    """

    name = "float-scalars"

    def __init__(self, constants: bool = False) -> None:
        self.constants = constants

    def matches(self, node: Node) -> bool:
        """Arithmetic of a float tensor with a Python integer, or with any number that is to be a constant."""
        kinds = (int, float) if self.constants else (int,)
        return (node.target in ARITHMETIC and isinstance(node.args[0], Node) and type(node.args[1]) in kinds
                and node.args[0].meta["val"].is_floating_point())

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same operator with a float or a constant."""
        target: Any = node.target
        number: Any = node.args[1]
        value = torch.tensor(float(number))
        other = new_constant(module, f"{node.name}_number", value) if self.constants else float(number)
        replace(node, emit(module, target, operand(node), other, **node.kwargs))
