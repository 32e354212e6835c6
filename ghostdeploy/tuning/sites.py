"""The sites of a graph where an alternative fits, each as a graph of its own that can be lowered and measured."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.fx import Graph, GraphModule, Node

from ghostdeploy.graph import Example, shape
from ghostdeploy.lowering.passes import Alternative, Rewrite, ShuffleIntoWeights, alternatives, run
from ghostdeploy.lowering.site import Site


@dataclass(frozen=True)
class FoundSite:
    """A site, the graph of its region alone, and inputs for that graph (channels last, as delegates keep maps)."""

    site: Site
    module: GraphModule
    inputs: tuple[torch.Tensor, ...]


def sites(module: GraphModule, example: Example) -> tuple[FoundSite, ...]:
    """Every distinct site of a fused graph: those that it has, and those that each rewrite alone would make.

    Without shuffles, as the alternatives meet it in a lowering.
    """
    module, everywhere = _rewritten(module, ShuffleIntoWeights(), example), alternatives(lambda site: True)
    found: dict[Site, FoundSite] = {}
    for graph in (module, *(_rewritten(module, alternative, example) for alternative in everywhere)):
        for alternative in everywhere:
            for site in _of(alternative, graph):
                found.setdefault(site.site, site)
    return tuple(found.values())


def _rewritten(module: GraphModule, rewrite: Rewrite, example: Example) -> GraphModule:
    changed = copy.deepcopy(module)
    run((rewrite,), changed, example)
    return changed


def _of(alternative: Alternative, module: GraphModule) -> Iterator[FoundSite]:
    for node in module.graph.nodes:
        if node.op == "call_function" and alternative.fits(node) and alternative.refusal(module, node) is None:
            yield _extracted(alternative, module, node)


def _extracted(alternative: Alternative, module: GraphModule, node: Node) -> FoundSite:
    region = alternative.region(node)
    graph, copies, inputs = Graph(), dict[Node, Node](), list[torch.Tensor]()
    for source in dict.fromkeys(source for inner in region for source in inner.all_input_nodes):
        if source in region:
            continue
        copies[source] = graph.get_attr(str(source.target)) if source.op == "get_attr" else graph.placeholder(
            source.name)
        copies[source].meta["val"] = source.meta["val"]
        if source.op != "get_attr":
            inputs.append(_input(shape(source), seed=len(inputs)))
    for inner in region:
        copies[inner] = graph.node_copy(inner, lambda source: copies[source])
    graph.output((copies[region[-1]],))
    return FoundSite(alternative.site(node), GraphModule(module, graph), tuple(inputs))


def _input(dims: tuple[int, ...], seed: int) -> torch.Tensor:
    value = torch.randn(dims, generator=torch.Generator().manual_seed(seed))
    return value.to(memory_format=torch.channels_last) if len(dims) == 4 else value
