"""Which nodes of a graph can be computed in int8, and which of them need equal steps on both sides.

Whatever is not named here stays in float32 between a conversion before and one behind it; delegates take those too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch.fx import GraphModule, Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.alternative import ACTIVATIONS
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.nearest_index import NEAREST

WEIGHTED = (aten.conv2d.default, aten.linear.default)
BINARY = (aten.add.Tensor, aten.mul.Tensor)
MEAN = (aten.mean.dim,)
# The result holds the operand's values, so it is kept in the operand's steps.
SAME_STEPS = (aten.cat.default, aten.max_pool2d.default, *NEAREST)
VIEWS = (aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.flatten.using_ints, aten.squeeze.dim,
         aten.squeeze.dims, aten.squeeze.default, aten.unsqueeze.default, aten.permute.default, aten.alias.default,
         aten.clone.default, aten.dropout.default, aten.contiguous.default)
# Parts of a value, and a value within a frame of zeros, for backends that take them.
PARTS = (aten.slice.Tensor, aten.pad.default, aten.constant_pad_nd.default)
# In int8 a table. TFLite's specification of LOGISTIC wants its result in steps of 1/256 from -128 on.
SIGMOID = aten.sigmoid.default


@dataclass(frozen=True)
class Backend:
    """What one backend computes in int8, beyond what all do.

    Attributes:
        fuses: whether an activation rides on the operator before it.
        takes: whether a node of a kind named above is taken in int8 after all.
        pads: whether a value is padded by an operator of its own, which costs nothing only where zero is stored as 0.
        sigmoids: whether a sigmoid of int8 is one; else it is left in float32 between conversions.
    """

    fuses: Callable[[Node], bool]
    takes: Callable[[Node], bool]
    pads: Callable[[Node], bool]
    sigmoids: bool = False


def int8_nodes(module: GraphModule, backend: Backend, keep_float: frozenset[str]) -> frozenset[Node]:
    """The nodes to compute in int8; `keep_float` names those that shall not be."""
    found: set[Node] = set()
    for node in module.graph.nodes:
        if (node.op == "call_function" and node.name not in keep_float and backend.takes(node)
                and _can(module, node, found, backend)):
            found.add(node)
    return frozenset(found)


def carrier(node: Node, int8: frozenset[Node] | set[Node]) -> Node:
    """The node that holds the result of `node` in int8: the activation that rides on it, else itself."""
    user = next(iter(node.users)) if len(node.users) == 1 else None
    return user if user is not None and user in int8 and user.target in ACTIVATIONS else node


def holds_zero(activation: Node) -> bool:
    """Does zero lie within the bounds of an activation? Steps hold it always, and must not reach over the bounds."""
    if activation.target is not aten.hardtanh.default:
        return True
    low, high = graph.argument(activation, 1, -1.0), graph.argument(activation, 2, 1.0)
    return bool(low <= 0 <= high)


def operands(module: GraphModule, node: Node) -> list[Node]:
    """The inputs of a node that depend on the graph's input."""
    return [source for source in node.all_input_nodes if graph.constant(module, source) is None]


def _can(module: GraphModule, node: Node, found: set[Node], backend: Backend) -> bool:
    sources = operands(module, node)
    if node.target in WEIGHTED:
        # A linear layer over four axes has its channels last, where maps, and what is known of them, have them second.
        last = node.target is aten.linear.default and len(graph.shape(node)) == 4
        return graph.constant(module, node.args[1]) is not None and not last
    if node.target in BINARY:
        return len(sources) == 2 and "alpha" not in node.kwargs
    if node.target in MEAN:
        rank = len(graph.shape(sources[0]))
        return rank == 4 and {axis % rank for axis in node.args[1]} == {2, 3}    # type: ignore[union-attr, operator]
    if node.target in SAME_STEPS:
        return len(graph.shape(node)) == 4 and len(sources) == len(node.all_input_nodes)
    if node.target in VIEWS + PARTS:
        return bool(sources) and sources[0] in found
    if node.target is SIGMOID:      # nothing else may have to share its steps
        return backend.sigmoids and sources[0] in found and all(user.target in BINARY + NEAREST for user in node.users)
    if node.target in ACTIVATIONS:
        source = sources[0]
        return source in found and len(source.users) == 1 and source.target in WEIGHTED + BINARY and backend.fuses(node)
    return False
