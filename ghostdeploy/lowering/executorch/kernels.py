"""Does every operator that no delegate takes have a kernel in the runtime?"""

from __future__ import annotations

import functools
from typing import Any

from executorch.exir.operator.convert import to_out_variant
from executorch.runtime import Runtime
from torch._ops import OpOverload
from torch.fx import GraphModule

from ghostdeploy.errors import UnsupportedOperator
from ghostdeploy.lowering.executorch.delegation import name, outside_nodes


def require_kernels(edge: GraphModule) -> None:
    """Refuse what the runtime would refuse at load time ("Missing operator").

    Raises:
        UnsupportedOperator: an operator outside of every delegate without a kernel, named with its node.
    """
    for node in outside_nodes(edge):
        if not _has_kernel(node.target):
            raise UnsupportedOperator(
                f"ExecuTorch has no kernel for {name(node)} (node {node.name})",
                "XNNPACK does not take it, and no portable kernel is registered under its name",
                "replace it by other ATen operators in the model, or export another format")


def _has_kernel(target: Any) -> bool:
    overload = getattr(target, "_op", target)
    if not isinstance(overload, OpOverload):
        return True  # a prim of ExecuTorch's own, such as an elided view
    try:
        out_variant, _ = to_out_variant(overload)
    except (RuntimeError, AssertionError, AttributeError, ValueError, KeyError):
        return False
    schema = out_variant._schema
    full = f"{schema.name}.{schema.overload_name}" if schema.overload_name else str(schema.name)
    return full in _registered()


@functools.cache
def _registered() -> frozenset[str]:
    return frozenset(Runtime.get().operator_registry.operator_names)
