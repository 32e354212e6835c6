"""What no format here can say exactly, refused before anything is written, with the reason."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch._ops import OpOverload
from torch.fx import GraphModule, Node

from ghostdeploy.errors import UnsupportedOperator
from ghostdeploy.graph import argument, shape
from ghostdeploy.lowering.passes.aten import aten

# Of dropouts and attention: whether they drop, and how much.
SWITCHES = ("train", "training", "p", "dropout_p")
ON_MAPS = (aten.conv2d.default, aten.max_pool2d.default, aten.avg_pool2d.default, aten.adaptive_avg_pool2d.default)


def require_exact_forms(module: GraphModule) -> None:
    """Refuse nodes that would compute something else.

    Raises:
        UnsupportedOperator: an operator that draws random numbers, a convolution or pool without a batch, or a bilinear
            resizing whose factor is not that of the sizes.
    """
    require_no_chance(module)
    for node in module.graph.nodes:
        refusal = _refusal(node)
        if refusal is not None:
            why, what_next = refusal
            raise UnsupportedOperator(f"{node.target} cannot be lowered (node {node.name})", why, what_next)


def require_no_chance(module: GraphModule) -> None:
    """Refuse what draws random numbers: an artifact has none, and one frozen draw, or none, would be something else.

    Raises:
        UnsupportedOperator: a dropout that stays active, or any other operator that draws.
    """
    for node in module.graph.nodes:
        if isinstance(node.target, OpOverload) and _draws(node, node.target):
            raise UnsupportedOperator(
                f"{node.target} cannot be lowered (node {node.name})",
                "it draws random numbers in evaluation mode too: an artifact has none",
                "call F.dropout with training=self.training or use nn.Dropout, and draw nothing else in evaluation")


def _draws(node: Node, target: OpOverload) -> bool:
    """Operators that may draw have a switch, or a share of what they drop, which is zero where they are idle."""
    if torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    switches = [argument(node, place, a.default_value) if a.name not in node.kwargs else node.kwargs[a.name]
                for place, a in enumerate(target._schema.arguments) if a.name in SWITCHES]
    return all(value is None or value for value in switches)      # None is a native dropout's way to say yes


def _refusal(node: Node) -> tuple[str, str] | None:
    if node.target in ON_MAPS and len(shape(node)) != 4:
        return f"it works on a value of {len(shape(node))} axes, without a batch", "add the batch: x.unsqueeze(0)"
    if node.target in (aten.upsample_bilinear2d.vec, aten.upsample_bilinear2d.default) and not _by_sizes(node):
        return ("torch steps by the factor that the model names, runtimes by the quotient of the sizes, and here these "
                "differ", "resize to a size, or with recompute_scale_factor=True")
    return None


def _by_sizes(node: Node) -> bool:
    """Does torch take the quotient of the sizes itself? With aligned corners it does, and without named factors."""
    if argument(node, 2, False):
        return True
    factors: Any = (argument(node, 3, None) if node.target is aten.upsample_bilinear2d.vec
                    else (argument(node, 3, None), argument(node, 4, None)))
    source = node.args[0]
    assert isinstance(source, Node)
    sizes = zip(shape(source)[2:], shape(node)[2:], factors or (None, None), strict=True)
    return all(factor is None or math.isclose(size * factor, made) for size, made, factor in sizes)
