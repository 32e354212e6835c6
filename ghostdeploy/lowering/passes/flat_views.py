"""Squeeze, unsqueeze, flatten and reshape, said in the one way that every backend knows: a view."""

from __future__ import annotations

from torch import empty_strided
from torch.fx import GraphModule, Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import Rewrite, emit, operand, replace

SPELLINGS = (aten.squeeze.default, aten.squeeze.dim, aten.squeeze.dims, aten.unsqueeze.default,
             aten.flatten.using_ints, aten.reshape.default, aten._unsafe_view.default, aten.unflatten.int)


class SpellAsView(Rewrite):
    """Every spelling of a change of shape becomes `view`.

    XNNPACK takes any `view` of static shape, `unsqueeze` at the end only, and `squeeze` not at all: the `squeeze_copy`
    in the tail of GhostNetV3 and those in DeiT-tiny are holes otherwise.
    """

    name = "spell-as-view"

    def matches(self, node: Node) -> bool:
        """Any of the spellings."""
        return node.target in SPELLINGS

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Some reshapes copy: strides that no view can express."""
        value = operand(node).meta["val"]
        try:
            empty_strided(value.shape, value.stride(), device="meta").view(shape(node))
        except RuntimeError:
            return "its operand's strides cannot be viewed in the new shape, so it copies"
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """The view."""
        replace(node, emit(module, aten.view.default, operand(node), list(shape(node))))
