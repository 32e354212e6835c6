"""The sites of a graph where an alternative fits, each as a graph of its own that can be lowered and measured."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch.fx import Graph, GraphModule, Node

from ghostdeploy.graph import Example, copy_of, shape
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.lowering.passes import Alternative, Rewrite, ShuffleIntoWeights, alternatives, run
from ghostdeploy.lowering.site import Site, Wanted


@dataclass(frozen=True)
class FoundSite:
    """A site, the graph of its region alone, and inputs for that graph (channels last, as delegates keep maps).

    `precisions` are those in which its rewrite could pay.
    """

    site: Site
    precisions: tuple[Precision, ...]
    module: GraphModule
    inputs: tuple[torch.Tensor, ...]


def sites(module: GraphModule, example: Example) -> tuple[FoundSite, ...]:
    """Every distinct site of a fused graph: those that it has, and those that each rewrite alone would make.

    Without shuffles, as the alternatives meet it in a lowering.
    """
    module = _rewritten(module, example, ShuffleIntoWeights())
    everywhere = (_rewritten(module, example, alternative) for alternative in alternatives(lambda site: True))
    return _distinct(itertools.chain([module], everywhere))


def sites_left(module: GraphModule, example: Example, wanted: Wanted) -> tuple[FoundSite, ...]:
    """Every distinct site that is left, or made, by all rewrites that are wanted."""
    return _distinct([_rewritten(module, example, ShuffleIntoWeights(), *alternatives(wanted))])


def _distinct(graphs: Iterable[GraphModule]) -> tuple[FoundSite, ...]:
    found: dict[Site, FoundSite] = {}
    for graph in graphs:
        for alternative in alternatives(lambda site: True):
            for node in _where(alternative, graph):
                if (site := alternative.site(node)) not in found:
                    found[site] = _extracted(alternative, graph, node)
    return tuple(found.values())


def _rewritten(module: GraphModule, example: Example, *rewrites: Rewrite) -> GraphModule:
    changed = copy_of(module)
    run(rewrites, changed, example)
    return changed


def _where(alternative: Alternative, module: GraphModule) -> Iterator[Node]:
    for node in module.graph.nodes:
        if node.op == "call_function" and alternative.fits(node) and alternative.refusal(module, node) is None:
            yield node


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
    return FoundSite(alternative.site(node), alternative.precisions, GraphModule(module, graph), tuple(inputs))


def _input(dims: tuple[int, ...], seed: int) -> torch.Tensor:
    value = torch.randn(dims, generator=torch.Generator().manual_seed(seed))
    return value.to(memory_format=torch.channels_last) if len(dims) == 4 else value
