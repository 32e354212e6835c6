"""Nearest 2x upsampling inside the XNNPACK delegate, through ExecuTorch's two registries.

XNNPACK has no such operator, and doubling by slices costs one copy per row and column. In channels-last memory it is
free of transposes with nodes that every runtime of ExecuTorch reads:

    columns  [h, w, C]   -> beside itself on C -> [h, w, 2C]   -> [h, 2w, C]
    rows     [h, 2w, C]  -> beside itself on w -> [h, 4w, C]   -> [2h, 2w, C]

and where the result only multiplies another map, as GhostNetV3's gates do, it need not exist at all:

    [h, 2, w, 2, C] * [h, 1, w, 1, C]

A batch multiplies h. Measured in the reference prototype on GhostNetV3 1.0x (x86, one thread): 0.365 of the stock
latency with the product, 0.370 with the copies alone, 0.407 as slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import executorch.backends.xnnpack.operators  # noqa: F401  (fills the visitor registry)
from executorch.backends.xnnpack._passes.fuse_activation_pass import FuseActivationPass
from executorch.backends.xnnpack.operators.node_visitor import NodeVisitor, _node_visitor_dict
from executorch.backends.xnnpack.operators.quant_params import QuantParams
from executorch.backends.xnnpack.partition.config.generic_node_configs import GenericNodePartitionerConfig
from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import XNNGraph
from executorch.backends.xnnpack.utils.quant_utils import is_dequant, is_per_tensor, is_quant
from torch.fx import Node

from ghostdeploy.graph import shape
from ghostdeploy.lowering.executorch.xnnsteps import Steps
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.nearest_index import doubles

UPSAMPLE = "aten.upsample_nearest2d.vec"
PRODUCT = "aten.mul.Tensor"
# Taken from the registry: the decorator that fills it returns None, so the class cannot be imported by name.
StockProductVisitor: Any = _node_visitor_dict[PRODUCT]


class NearestConfig(GenericNodePartitionerConfig):  # type: ignore[misc]
    """Tells the partitioner that doubling can be delegated."""

    target_name = "upsample_nearest2d.vec"

    def check_constraints(self, node: Node, ep: Any) -> bool:
        """Maps of which every row and column is repeated exactly twice, and no other factor."""
        return bool(self.check_common_constraints(node, ep)) and _is_doubling(node)

    def supported_precision_types(self) -> list[ConfigPrecisionType]:
        """Float, and int8 where its values stay as they are."""
        return [ConfigPrecisionType.FP32, ConfigPrecisionType.STATIC_QUANT]

    def get_node_and_deps(self, node: Node, ep: Any) -> list[Node]:
        """In int8 with the conversions around it, which become nothing."""
        return list(super().get_node_and_deps(node, ep)) if _keeps_steps(node) else [node]

    def get_original_aten(self) -> Any:
        """Not to be decomposed into index arithmetic."""
        return aten.upsample_nearest2d.vec


class NearestVisitor(NodeVisitor):  # type: ignore[misc]
    """Writes a doubling as reshapes and concatenations, unless its readers do without it."""

    target = UPSAMPLE

    def define_node(self, node: Node, xnn_graph: XNNGraph, vals_to_ids: dict[Node, int], debug_handle: int) -> None:
        """Serialise one upsampling."""
        source = node.all_input_nodes[0]
        self.define_tensor(source, xnn_graph, vals_to_ids,
                           quant_params=QuantParams.from_inputs(source, self._exported_program))
        if _only_multiplies(node):
            return
        self.define_tensor(node, xnn_graph, vals_to_ids, quant_params=QuantParams.from_outputs(node))
        batch, channels, height, width = shape(source)
        channels_last = _is_channels_last(node)
        rows, inner = (batch * height, channels) if channels_last else (batch * channels * height, 1)
        final = ([batch, 2 * height, 2 * width, channels] if channels_last
                 else [batch, channels, 2 * height, 2 * width])
        steps = Steps(xnn_graph, debug_handle)
        columns = steps.beside_itself(steps.reshape(vals_to_ids[source], [rows, width, inner]), 2,
                                      [rows, width, 2 * inner])
        wide = steps.reshape(columns, [rows, 2 * width, inner])
        doubled = steps.beside_itself(wide, 1, [rows, 4 * width, inner])
        steps.reshape(doubled, final, vals_to_ids[node])


class ProductVisitor(StockProductVisitor):  # type: ignore[misc]
    """The stock product, except where one factor is a doubling that nothing else needs."""

    def define_node(self, node: Node, xnn_graph: XNNGraph, vals_to_ids: dict[Node, int], debug_handle: int) -> None:
        """Serialise one product."""
        factor = next((a for a in node.args if isinstance(a, Node) and _is_doubling(_computed(a))
                       and _only_multiplies(_computed(a))), None)
        if factor is None:
            super().define_node(node, xnn_graph, vals_to_ids, debug_handle)
            return
        other = next(a for a in node.all_input_nodes if a is not factor)
        small = _computed(factor).all_input_nodes[0]
        for tensor in (other, small):
            self.define_tensor(tensor, xnn_graph, vals_to_ids,
                               quant_params=QuantParams.from_inputs(tensor, self._exported_program))
        self.define_tensor(node, xnn_graph, vals_to_ids, quant_params=QuantParams.from_outputs(node))
        batch, channels, height, width = shape(small)
        steps = Steps(xnn_graph, debug_handle)
        left = steps.reshape(vals_to_ids[other], [batch * height, 2, width, 2, channels])
        right = steps.reshape(vals_to_ids[small], [batch * height, 1, width, 1, channels])
        # The relu behind a product is gone from the graph by now and lives on only as these limits: dropping them
        # loses it silently.
        product = steps.product(left, right, vals_to_ids[node], [batch * height, 2, width, 2, channels],
                                FuseActivationPass.get_fused_activation(node))
        steps.reshape(product, [batch, 2 * height, 2 * width, channels], vals_to_ids[node])


def _is_doubling(node: Node) -> bool:
    if getattr(node.target, "__name__", "") != UPSAMPLE:
        return False
    before, after = shape(node.all_input_nodes[0]), shape(node)
    return len(before) == 4 and after[2:] == (2 * before[2], 2 * before[3]) and doubles(node)


def _is_channels_last(node: Node) -> bool:
    return bool(node.meta.get("XNN_NHWC_NODE", False))


def _only_multiplies(doubling: Node) -> bool:
    """Is every reader a product with another map of the same shape? Then no reader needs the doubled map itself."""
    readers = list(_readers(doubling))
    return _is_channels_last(doubling) and all(_broadcasts(reader, factor) for reader, factor in readers)


def _readers(node: Node) -> Iterator[tuple[Node, Node]]:
    """What computes with the result of `node`, and the node that it reads: `node`, or a conversion back from int8."""
    for reader in node.users:
        if is_quant(reader) or is_dequant(reader):
            yield from _readers(reader)
        else:
            yield reader, node


def _computed(factor: Node) -> Node:
    """What computes a value that may have been kept in int8."""
    while is_quant(factor) or is_dequant(factor):
        factor = factor.all_input_nodes[0]
    return factor


def _keeps_steps(node: Node) -> bool:
    """Does it read int8 that is kept in the same steps afterwards?"""
    before, after = node.all_input_nodes[0], list(node.users)
    return (is_dequant(before) and is_per_tensor(before) and len(after) == 1 and is_quant(after[0])
            and before.args[1:3] == after[0].args[1:3])


def _broadcasts(user: Node, factor: Node) -> bool:
    if getattr(user.target, "__name__", "") != PRODUCT or not _is_channels_last(user):
        return False
    others = [a for a in user.args if a is not factor]
    if len(others) != 1 or not isinstance(others[0], Node):
        return False
    return shape(others[0]) == shape(factor) and not _is_doubling(_computed(others[0]))
