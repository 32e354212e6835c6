"""Conversions between float32 and float16 inside the XNNPACK delegate, through ExecuTorch's two registries.

ExecuTorch's partitioner leaves every conversion of dtype outside, to a portable kernel of 28 ARM instructions a value:
4.2 of the 58.0 million of GhostNetV3 1.0x in half precision, for its 150 528 input values. XNNPACK has a kernel for it,
and the format of its graphs a node, which ExecuTorch itself writes for quantisation.
"""

from __future__ import annotations

from typing import Any

import executorch.backends.xnnpack.operators  # noqa: F401  (fills the visitor registry)
import torch
from executorch.backends.xnnpack.operators.node_visitor import NodeVisitor
from executorch.backends.xnnpack.partition.config.generic_node_configs import GenericNodePartitionerConfig
from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import XNNConvert, XNNGraph, XNode
from torch.fx import GraphModule, Node

from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit

FLOATS = frozenset((torch.float16, torch.float32))
# What XNNPACK computes in float32 only. Outside of it, in a portable kernel in float16, DeiT-tiny's twelve were 53 of
# 293 million ARM instructions.
WIDE = (aten.gelu.default,)


def converted(module: GraphModule, value: Node, dtype: torch.dtype) -> Node:
    """The cast that `CastVisitor` writes. Not a copy: a pass of ExecuTorch's takes two copies, the other one to
    channels-last, for one and its inverse, and drops both.
    """
    return emit(module, torch.ops.prims.convert_element_type.default, value, dtype)


class CastConfig(GenericNodePartitionerConfig):  # type: ignore[misc]
    """Tells the partitioner that a conversion between the two can be delegated."""

    target_name = "convert_element_type.default"

    def check_constraints(self, node: Node, ep: Any) -> bool:
        """From one of the two to the other."""
        dtypes = {node.all_input_nodes[0].meta["val"].dtype, node.meta["val"].dtype}
        return bool(self.check_common_constraints(node, ep)) and dtypes == FLOATS

    def supported_precision_types(self) -> list[ConfigPrecisionType]:
        """Floats, of either width."""
        return [ConfigPrecisionType.FP32]

    def get_original_aten(self) -> Any:
        """Not to be decomposed into a copy."""
        return torch.ops.prims.convert_element_type.default


class CastVisitor(NodeVisitor):  # type: ignore[misc]
    """Writes XNNPACK's conversion."""

    target = "prims.convert_element_type.default"

    def define_node(self, node: Node, xnn_graph: XNNGraph, vals_to_ids: dict[Node, int], debug_handle: int) -> None:
        """Serialise one conversion."""
        self.define_nodes_tensor_inputs_outputs(node, xnn_graph, vals_to_ids)
        source = vals_to_ids[node.all_input_nodes[0]]
        xnn_graph.xnodes.append(XNode(XNNConvert(input_id=source, output_id=vals_to_ids[node], flags=0), debug_handle))
