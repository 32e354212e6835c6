"""Rewrites that pay at some shapes and cost at others: each asks, at each of its sites, whether it is wanted there."""

from __future__ import annotations

from typing import Any, ClassVar

from torch.fx import GraphModule, Node

from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit
from ghostdeploy.lowering.site import Site, Wanted, nowhere

# Bounds below and above zero, so that in int8 they hold the steps of their result.
ACTIVATIONS = (aten.relu.default, aten.relu6.default, aten.hardtanh.default)


class Alternative(Rewrite):
    """An exact rewrite that is applied only where `wanted` says so.

    Subclasses say which nodes they are about (`fits`), what of a node decides the cost (`site`), and which nodes a
    model of this site alone consists of (`region`), so that both forms can be measured.

    `precisions` are those whose kernels it is about: in others there is nothing to measure.
    """

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "fp16", "int8")

    def __init__(self, wanted: Wanted = nowhere) -> None:
        self.wanted = wanted

    def fits(self, node: Node) -> bool:
        """Could the rewrite be applied here?"""
        raise NotImplementedError

    def site(self, node: Node) -> Site:
        """What the cost of both forms depends on."""
        raise NotImplementedError

    def region(self, node: Node) -> tuple[Node, ...]:
        """The nodes that the rewrite replaces, in order; the last computes the result."""
        raise NotImplementedError

    def matches(self, node: Node) -> bool:
        """Where it fits and is wanted."""
        return self.fits(node) and self.wanted(self.site(node))


def activated(node: Node) -> Node:
    """The activation that alone reads `node`, and would run inside its operator, else `node` itself."""
    reader = next(iter(node.users)) if len(node.users) == 1 else None
    return node if reader is None or reader.target not in ACTIVATIONS else reader


def activated_again(module: GraphModule, activation: Node, value: Node) -> Node:
    """The same activation of another value."""
    function: Any = activation.target
    return emit(module, function, value, *activation.args[1:], **activation.kwargs)
