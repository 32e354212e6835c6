"""The convolutions and matrix products of a fused graph, each as a graph of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.fx import Graph, GraphModule, Node

from ghostdeploy import cost
from ghostdeploy.graph import shape

CONVOLUTION, PRODUCT = torch.ops.aten.conv2d.default, torch.ops.aten.linear.default
Kind = Literal["1x1", "depthwise", "other convolutions", "matrix products"]
BYTES = 4


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product, `count` times in the model; `macs` and `moved` (bytes) of one, and the `block`
    of the first.
    """

    kind: Kind
    title: str
    count: int
    macs: int
    moved: int
    block: str = ""


def layers(module: GraphModule) -> Iterator[tuple[tuple[object, ...], Layer, GraphModule]]:
    """Every layer with the graph of it alone, and what makes two of them equal."""
    for node in module.graph.nodes:
        if node.op == "call_function" and node.target in (CONVOLUTION, PRODUCT):
            alone = _alone(module, node)
            counted = cost.macs(alone, torch.zeros(shape(node.all_input_nodes[0])))
            touched = [*node.all_input_nodes, node]
            moved = BYTES * sum(int(np.prod(shape(each))) for each in touched)
            key = (str(node.target), *(shape(each) for each in touched), *map(str, node.args[3:]))
            yield key, Layer(_kind(node), _title(node), 1, counted, moved, node.meta.get("block", "")), alone


def _kind(node: Node) -> Kind:
    if node.target is PRODUCT:
        return "matrix products"
    weight = shape(node.args[1])    # type: ignore[arg-type]
    groups = node.args[6] if len(node.args) > 6 else 1
    if groups == weight[0] and weight[1] == 1:
        return "depthwise"
    return "1x1" if weight[2:] == (1, 1) and groups == 1 else "other convolutions"


def _title(node: Node) -> str:
    sizes = (shape(each) for each in node.all_input_nodes[:2])
    return " by ".join("x".join(map(str, size)) for size in sizes) + " to " + "x".join(map(str, shape(node)))


def _alone(module: GraphModule, node: Node) -> GraphModule:
    graph, copies = Graph(), dict[Node, Node]()
    for source in node.all_input_nodes:
        copies[source] = graph.get_attr(str(source.target)) if source.op == "get_attr" else graph.placeholder(
            source.name)
        copies[source].meta["val"] = source.meta["val"]
    graph.output((graph.node_copy(node, lambda source: copies[source]),))
    return GraphModule(module, graph)
