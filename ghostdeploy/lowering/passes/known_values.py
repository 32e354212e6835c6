"""What does not depend on the input, computed once."""

from __future__ import annotations

import torch
from torch._ops import OpOverload
from torch.fx import GraphModule, Node

from ghostdeploy import graph
from ghostdeploy.lowering.passes.base import Rewrite, replace


class FoldKnownValues(Rewrite):
    """An operator of constants alone becomes the constant that it computes.

    XNNPACK takes weights and biases only where they are constants: BEiTV2 puts each bias together from three, so all of
    its matrix products ran on the portable kernels, at more than 30 s an inference.
    """

    name = "known-values"

    def matches(self, node: Node) -> bool:
        """A deterministic operator with one tensor as result, all of whose tensors are constants."""
        return (isinstance(node.target, OpOverload) and isinstance(node.meta.get("val"), torch.Tensor)
                and torch.Tag.nondeterministic_seeded not in node.target.tags
                and all(source.op == "get_attr" for source in node.all_input_nodes))

    def apply(self, module: GraphModule, node: Node) -> None:
        """The operator's own result on the constants."""
        assert isinstance(node.target, OpOverload)
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda n: graph.constant(module, n))
        with torch.no_grad():
            value = node.target(*args, **kwargs)
        replace(node, graph.new_constant(module, node.name, value))
