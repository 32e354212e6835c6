"""The XNNPACK partitioner with our plug-in, and the one place where ExecuTorch's registries are touched."""

from __future__ import annotations

import functools
from typing import Any

from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import GraphModule

from ghostdeploy.lowering.executorch.delegation import name, outside_nodes

# What a lowering with the plug-in leaves to it: `nearest`, `half_casts`.
OURS = ("aten.upsample_nearest2d.vec", "prims.convert_element_type.default")


@functools.cache
def plugin_available() -> bool:
    """Register our visitors, once per process; False where this ExecuTorch has other registries.

    The registries are public in use but not declared stable. A graph without what they are for is serialised by
    the stock visitors as before: ours hands every other product on to the class that it replaced.
    """
    try:
        from executorch.backends.xnnpack.operators.node_visitor import register_node_visitor

        from ghostdeploy.lowering.executorch.half_casts import CastVisitor
        from ghostdeploy.lowering.executorch.nearest import NearestVisitor, ProductVisitor
    except (ImportError, KeyError):
        return False
    register_node_visitor(NearestVisitor)
    register_node_visitor(ProductVisitor)
    register_node_visitor(CastVisitor)
    return True


def partitioner(plugin: bool) -> Any:
    """XNNPACK's partitioner with every stock configuration, and with ours if `plugin`."""
    configs = list(ALL_PARTITIONER_CONFIGS)
    if plugin:
        from ghostdeploy.lowering.executorch.half_casts import CastConfig
        from ghostdeploy.lowering.executorch.nearest import NearestConfig
        configs += [CastConfig, NearestConfig]
    return OneDecomposition(configs=configs)


def require_plugin_used(edge: GraphModule, plugin: bool) -> None:
    """Every node that the lowering left to the plug-in must be inside a delegate, where it alone can write it.

    Raises:
        RuntimeError: one is outside, for a portable kernel, exact and slow, or for none.
    """
    left = [node.name for node in outside_nodes(edge) if name(node) in OURS]
    if plugin and left:
        raise RuntimeError(f"XNNPACK's partition left {', '.join(left)} outside")


class OneDecomposition(XnnpackPartitioner):  # type: ignore[misc]
    """XNNPACK's partitioner, deciding at once which operators stay whole.

    The stock one hands ExecuTorch a filter on nodes, for which the whole program is traced twice. Here an operator is
    kept if the filter accepts all of its nodes, else decomposed everywhere. Measured on GhostNetV3 1.0x, fused: 31 s of
    CPU instead of 41 s for the whole lowering, same delegate.
    """

    def ops_to_not_decompose(self, ep: ExportedProgram) -> tuple[list[OpOverload], None]:
        """The operators to keep, and no filter."""
        operators, accepts = super().ops_to_not_decompose(ep)
        refused = {n.target for n in ep.graph.nodes if n.op == "call_function" and not accepts(n)}
        return [op for op in operators if op not in refused], None
