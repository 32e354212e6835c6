"""Reading and editing functional ATen graphs: the vocabulary that fusion, passes and writers share.

A graph here is what `trace` returns: a `torch.fx.GraphModule` of functional ATen operators on static shapes, parameters
and buffers as `get_attr`, every tensor node with its fake value in `meta["val"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

# What a graph is run on: its one input, or each of several.
Example = torch.Tensor | tuple[torch.Tensor, ...]


def inputs(example: Example) -> tuple[torch.Tensor, ...]:
    """An example as the arguments of a call."""
    return (example,) if isinstance(example, torch.Tensor) else example


def shape(node: Node) -> tuple[int, ...]:
    """Static shape of the tensor that `node` computes."""
    return tuple(int(s) for s in node.meta["val"].shape)


def argument(node: Node, index: int, default: Any) -> Any:
    """Positional argument `index`; `default` where it is absent or None (ATen leaves trailing defaults out)."""
    value = node.args[index] if len(node.args) > index else None
    return default if value is None else value


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """ATen's one-or-two integers, as two."""
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])


def constant(module: GraphModule, node: object) -> torch.Tensor | None:
    """The tensor behind a `get_attr` node (a parameter, a buffer or a lifted constant), else None."""
    if not isinstance(node, Node) or node.op != "get_attr":
        return None
    found: Any = module
    for part in str(node.target).split("."):
        found = getattr(found, part, None)
    return found.detach() if isinstance(found, torch.Tensor) else None


def new_constant(module: GraphModule, name: str, value: torch.Tensor) -> Node:
    """Register `value` as a buffer under a fresh name and return a `get_attr` node for it at the insertion point.

    A slice gets memory of its own: of two slices of one tensor ExecuTorch kept the first one's values for both.
    """
    unique, count = name, 0
    while hasattr(module, unique):
        count += 1
        unique = f"{name}_{count}"
    own = value.detach().contiguous()
    module.register_buffer(unique, own if own.untyped_storage().nbytes() == own.nbytes else own.clone())
    node = module.graph.get_attr(unique)
    node.meta["val"] = value.detach().to("meta")
    return node


def copy_of(original: GraphModule, twins: dict[Node, Node] | None = None) -> GraphModule:
    """A graph of its own on the same tensors, which nothing here changes in place; `twins` is filled with its nodes."""
    graph = Graph()
    graph.output(graph.graph_copy(original.graph, {} if twins is None else twins))
    root = nn.Module()
    for name, value in original.named_buffers():
        root.register_buffer(name, value)
    for name, parameter in original.named_parameters():
        root.register_buffer(name, parameter.detach())
    return GraphModule(root, graph)


def clean(module: GraphModule) -> None:
    """Drop dead nodes and the parameters that nothing reads, then recompile.

    Nothing but an output has an effect in a functional graph; torch alone would keep unread nodes that could be random,
    as attention is.
    """
    module.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    module.graph.lint()
    used = {str(n.target) for n in module.graph.nodes if n.op == "get_attr"}
    for table in (module._parameters, module._buffers):
        for name in [name for name in table if name not in used]:
            del table[name]
    module.delete_all_unused_submodules()
    module.recompile()
