"""Views that no longer depend on how their operand lies in memory."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace


class LoosenViews(Rewrite):
    """Writes `view` as `reshape`, which copies where strides demand it.

    For the passes that change strides, as `AttentionAsProducts` does: torch's attention returns its heads interleaved,
    and models view its result in a way that only such strides allow ("Cannot view a tensor with shape torch.Size([4,
    256, 4, 16]) and strides (16384, 16, 4096, 1) as a tensor with shape (4, 256, 64)!"). `SpellAsView` afterwards makes
    views again of all that can be.
    """

    name = "loosen-views"

    def matches(self, node: Node) -> bool:
        """Every view."""
        return node.target in (aten.view.default, aten._unsafe_view.default)

    def apply(self, module: GraphModule, node: Node) -> None:
        """The reshape."""
        replace(node, emit(module, aten.reshape.default, operand(node), list(shape(node))))
