"""Clamps between two numbers with both numbers said."""

from __future__ import annotations

from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class SpellHardtanhLimits(Rewrite):
    """Spells both limits of `hardtanh` out, as floats, and `relu6` as `hardtanh(0, 6)`.

    torch leaves trailing defaults out of a graph, and the integer 1 is one: on `nn.Hardtanh(0, 1)` ExecuTorch fails
    with "IndexError: tuple index out of range". The float 1.0 is no default and stays.
    """

    name = "spell-hardtanh-limits"

    def matches(self, node: Node) -> bool:
        """A clamp whose limits are left out or integers, or a relu6."""
        if node.target is aten.relu6.default:
            return True
        return node.target is aten.hardtanh.default and not (
            len(node.args) == 3 and all(isinstance(limit, float) for limit in node.args[1:]))

    def apply(self, module: GraphModule, node: Node) -> None:
        """The same clamp, spelled out."""
        replace(node, emit(module, aten.hardtanh.default, operand(node), *_limits(node)))


def _limits(node: Node) -> tuple[float, float]:
    if node.target is aten.relu6.default:
        return 0.0, 6.0
    low: Any = argument(node, 1, node.kwargs.get("min_val", -1))
    high: Any = argument(node, 2, node.kwargs.get("max_val", 1))
    return float(low), float(high)
