"""What the taps of a convolution or linear layer see: the inputs that one output element is the sum of."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.fx import GraphModule, Node
from torch.nn import functional

from ghostdeploy import graph
from ghostdeploy.lowering.passes.aten import aten

# Output positions looked at of each map and input; neighbours see nearly the same.
POSITIONS: Final = 128


def moments(module: GraphModule, node: Node, x: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Mean products of every two taps of one group, [groups, taps, taps] in float64; `x` is the node's input."""
    seen = _taps(module, node, x, chance).to(torch.float64)
    return seen.transpose(1, 2) @ seen / seen.shape[1]


def _taps(module: GraphModule, node: Node, x: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """[groups, positions, taps], in the order in which a weight [out, in / groups, *kernel] holds its taps."""
    if node.target is aten.linear.default:
        return x.reshape(1, -1, x.shape[-1])[:, :POSITIONS]
    weight: Any = graph.constant(module, node.args[1])
    stride, padding, dilation = (graph.pair(graph.argument(node, i, usual)) for i, usual in ((3, 1), (4, 0), (5, 1)))
    groups = int(graph.argument(node, 6, 1))
    (height, width), (kernel_y, kernel_x) = graph.shape(node)[2:], weight.shape[2:]
    at = torch.randint(height * width, (min(POSITIONS, height * width),), generator=chance)
    padded = functional.pad(x[0], (padding[1], padding[1], padding[0], padding[0]))
    rows = (at // width * stride[0])[:, None] + torch.arange(kernel_y) * dilation[0]
    columns = (at % width * stride[1])[:, None] + torch.arange(kernel_x) * dilation[1]
    seen = padded[:, rows[:, :, None], columns[:, None, :]]                     # [in, positions, *kernel]
    return seen.reshape(groups, -1, len(at), kernel_y * kernel_x).transpose(1, 2).reshape(groups, len(at), -1)
