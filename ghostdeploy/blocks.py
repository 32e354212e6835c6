"""The blocks of a model: the parts that its author would name, each a run of operators of its graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

from ghostdeploy.graph import shape

# A module with a larger part of all operators than this is taken apart: most stages of FastViT and RepViT are larger,
# single blocks of the eight models looked at (tests/test_blocks.py has five of them) smaller.
LARGEST_PART = 1 / 8
ATTENTION = (torch.ops.aten.scaled_dot_product_attention.default, torch.ops.aten.matmul.default)
CONTAINERS = (nn.Sequential.__name__, nn.ModuleList.__name__)


@dataclass(frozen=True)
class Block:
    """A run of operators; `name` is the path of its module in the model."""

    name: str
    nodes: tuple[Node, ...]


def mark(module: GraphModule) -> None:
    """Write into `meta["block"]` of every operator of a traced graph to which block it belongs."""
    stacks = {node: _stack(node) for node in module.graph.nodes if node.op == "call_function"}
    sizes = Counter(path for stack in stacks.values() for path, _ in stack)
    for node, stack in stacks.items():
        node.meta["block"] = _named(stack, sizes, len(stacks) * LARGEST_PART)
    for block in blocks(module):
        for node in block.nodes:
            node.meta["block"] = block.name


def blocks(module: GraphModule) -> list[Block]:
    """The blocks in the order in which they are computed.

    A run without a convolution or matrix product (norms, activations, pools) belongs to the block before it, and so
    does a node that no module owns. A block that is entered twice is listed twice.
    """
    runs: list[Block] = []
    for node in module.graph.nodes:
        if node.op == "call_function":
            _append(runs, Block(node.meta.get("block") or (runs[-1].name if runs else ""), (node,)), join=False)
    joined: list[Block] = []
    for run in runs:
        _append(joined, run, join=not any(map(_multiplies, run.nodes)))
    return joined


def _append(found: list[Block], block: Block, join: bool) -> None:
    if found and (join or found[-1].name == block.name):
        found[-1] = Block(found[-1].name, found[-1].nodes + block.nodes)
    else:
        found.append(block)


def cut(module: GraphModule, nodes: Sequence[Node]) -> GraphModule:
    """These operators alone: what they read from elsewhere are inputs, what others read of them are outputs."""
    graph, copies, inside = Graph(), dict[Node, Node](), set(nodes)
    for source in dict.fromkeys(source for node in nodes for source in node.all_input_nodes if source not in inside):
        constant = source.op == "get_attr"
        copies[source] = graph.get_attr(str(source.target)) if constant else graph.placeholder(source.name)
        copies[source].meta = dict(source.meta)
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(copies[node] for node in nodes if any(user not in inside for user in node.users)))
    return GraphModule(module, graph)


def examples(part: GraphModule) -> tuple[torch.Tensor, ...]:
    """Random inputs of a part, maps with their channels last in memory, as they lie between operators of XNNPACK."""
    chance = torch.Generator().manual_seed(0)
    made = [torch.rand(shape(node), generator=chance) for node in part.graph.nodes if node.op == "placeholder"]
    return tuple(t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for t in made)


def _stack(node: Node) -> list[tuple[str, str]]:
    """Path and class name of every module around the node, the outermost first; the model itself is left out."""
    stack = node.meta.get("nn_module_stack") or {}
    return [(str(path), str(owner).rpartition(".")[2]) for path, owner in stack.values() if path]


def _named(stack: Sequence[tuple[str, str]], sizes: Counter[str], largest: float) -> str:
    """The outermost module that is no container and small enough, else the innermost."""
    small = (path for path, owner in stack if owner not in CONTAINERS and sizes[path] <= largest)
    return next(small, stack[-1][0] if stack else "")


def _multiplies(node: Node) -> bool:
    """A convolution or matrix product: it reads a weight of more than one dimension, or it is attention."""
    return node.target in ATTENTION or any(
        source.op == "get_attr" and source.meta["val"].dim() > 1 for source in node.all_input_nodes)
