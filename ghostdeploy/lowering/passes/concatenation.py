"""Concatenations of maps along their channels, and what the rewrites of convolutions that read one share."""

from __future__ import annotations

from typing import Any

from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument
from ghostdeploy.lowering.passes.alternative import Alternative, activated
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import operand
from ghostdeploy.lowering.passes.convolutions import unknown_weights

# Most inputs of one concatenation that XNNPACK takes everywhere: CONCATENATION in TFLite 2.14; ExecuTorch's has five.
WIDEST = 4


class ConvolutionOfConcatenation(Alternative):
    """An alternative that lets a convolution read the parts of a concatenation one by one."""

    def region(self, node: Node) -> tuple[Node, ...]:
        """Concatenation, convolution, activation."""
        return tuple(dict.fromkeys((operand(node), node, activated(node))))

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known, and nothing else may need the joined map."""
        if len(operand(node).users) > 1:
            return "something else reads the concatenation, which would have to be made all the same"
        return "its weights are computed from the input" if unknown_weights(module, node) else None


def joined_channels(node: object) -> list[Node] | None:
    """The parts of a concatenation of maps along their channels, if `node` is one."""
    if not isinstance(node, Node) or node.target is not aten.cat.default or argument(node, 1, 0) not in (1, -3):
        return None
    parts: Any = node.args[0]
    distinct = len(set(parts)) == len(parts) > 1
    return list(parts) if distinct and all(part.meta["val"].dim() == 4 for part in parts) else None
