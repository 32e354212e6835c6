"""Decides, for every expression of a graph, which convolutions to write it back as: merges only where nothing grows.

Cost is counted twice, in weights (what a phone stores and loads) and in multiply-accumulates (what it computes), and
neither may grow: a dense 1x1 beside a depthwise 7x7 stays two convolutions, 49 times cheaper than one dense 7x7.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.fusion import compose
from ghostdeploy.fusion.affine import Affine, Branch
from ghostdeploy.fusion.merge import merge, merged_size
from ghostdeploy.fusion.read import NORM, Reader, spatial

Terms = Mapping[Node, tuple[Branch, ...]]


@dataclass(frozen=True, eq=False)
class Apart:
    """Two things of one expression that stay apart, and why, in one sentence.

    `root` is the node whose value was not composed with its reader, where it was that and not two parallel branches;
    `parallel` says whether the two are branches of one tensor, or would have been once composed.
    """

    parts: tuple[str, ...]
    why: str
    root: Node | None = None
    parallel: bool = True


@dataclass(frozen=True, eq=False)
class Plan:
    """How to write `node` back: `expression` has its branches merged; `inner` holds every node that this replaces."""

    node: Node
    expression: Affine
    inner: frozenset[Node]
    consumed: frozenset[Node]
    apart: tuple[Apart, ...]

    @property
    def branches(self) -> tuple[tuple[Node, Branch], ...]:
        """(source, branch) pairs, real convolutions first: the first one carries the bias."""
        pairs = [(s, b) for s, bs in self.expression.terms.items() for b in bs]
        return tuple(sorted(pairs, key=lambda p: p[1].identity + p[1].plain))

    @property
    def has_norm(self) -> bool:
        return any(n.target == NORM for n in self.inner)

    @property
    def is_lone_affine(self) -> bool:
        """Does a BatchNorm stay behind, as a scale and shift of its own?"""
        return self.has_norm and not self.expression.has_convolution

    @property
    def pays(self) -> bool:
        """Is what will be written fewer operators than what is there, or free of BatchNorm?"""
        written = [b for _, b in self.branches if not b.plain]
        if not self.expression.has_convolution:
            return self.has_norm
        return self.has_norm or len(written) + len(self.branches) - 1 < len(self.inner)


def plan_all(module: GraphModule, reader: Reader) -> tuple[dict[Node, Plan], dict[Node, str]]:
    """The plans worth carrying out, in the graph's order; and why nodes were not composed with what reads them."""
    covered = {n for e in reader.expressions.values() for n in e.inner}
    plans: dict[Node, Plan] = {}
    consumed: set[Node] = set()
    for node in module.graph.nodes:
        if node in reader.expressions and node not in covered:
            plans[node] = _plan(node, reader, plans)
            consumed |= plans[node].consumed
    kept = {a.root: a.why for p in plans.values() for a in p.apart if a.root is not None}
    return {n: p for n, p in plans.items() if n not in consumed and p.pays}, kept


def _plan(node: Node, reader: Reader, plans: Mapping[Node, Plan]) -> Plan:
    expression = reader.expressions[node]
    inner, consumed, apart = expression.inner | {node}, frozenset[Node](), list[Apart]()
    refused: set[Node] = set()
    while True:
        chain = next((c for s in expression.terms if s not in refused
                      if (c := _chain(s, reader, plans, inner, expression.axis)) is not None), None)
        if chain is None:
            break
        longer = _extended(node, expression, chain)
        if isinstance(longer, str):
            refused.add(chain.source)
            readers = (p for b in expression.terms[chain.source] for p in b.parts)
            beside = set(chain.inner.terms) & (set(expression.terms) - {chain.source})
            apart.append(Apart((chain.root.name, *readers), longer, chain.root, bool(beside)))
        else:
            expression = longer
            inner |= plans[chain.root].inner | chain.copies
            consumed |= {chain.root} | plans[chain.root].consumed
    terms = {}
    for source, branches in expression.terms.items():
        terms[source], reasons = _merged(branches, spatial(source, expression.axis), spatial(node, expression.axis))
        apart += reasons
    return Plan(node, replace(expression, terms=terms), inner, consumed, tuple(apart))


# ---- parallel branches ----------------------------------------------------------------------------------------------


def _merged(branches: Iterable[Branch], in_size: tuple[int, ...],
            out_size: tuple[int, ...]) -> tuple[tuple[Branch, ...], list[Apart]]:
    """Branches of one source, merged as long as the merged convolution has no more weights than its parts."""
    clusters: list[Branch] = []
    apart: list[Apart] = []
    for branch in sorted(branches, key=lambda b: -b.weight.numel()):
        reasons = []
        for i, cluster in enumerate(clusters):
            size = merged_size((cluster, branch), in_size, out_size)
            parts = cluster.weight.numel() + branch.weight.numel()
            if size is not None and size > parts:
                reasons.append(Apart((*cluster.parts, *branch.parts),
                                     f"one convolution for both would have {size} weights instead of {parts}"))
                continue
            whole = merge((cluster, branch), in_size, out_size)
            if isinstance(whole, Branch):
                clusters[i] = whole
                break
            reasons.append(Apart((*cluster.parts, *branch.parts), whole))
        else:
            clusters.append(branch)
            apart += reasons
    return tuple(clusters), apart


# ---- sequences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Chain:
    """A source of an expression that is an expression itself, which only the former reads."""

    source: Node
    root: Node
    inner: Affine
    pads: tuple[int, ...]
    border: torch.Tensor | None
    copies: frozenset[Node]


def _chain(source: Node, reader: Reader, plans: Mapping[Node, Plan], owners: frozenset[Node],
           axis: int) -> _Chain | None:
    frame = reader.frames.get(source)
    root = frame.source if frame is not None else source
    if root not in plans or plans[root].expression.axis != axis or any(user not in owners for user in source.users):
        return None
    inner = plans[root].expression
    if frame is None:
        return _Chain(source, root, inner, (), None, frozenset())
    return _Chain(source, root, inner, frame.low, frame.border, frame.copies)


def _extended(node: Node, expression: Affine, chain: _Chain) -> Affine | str:
    """`expression` with `chain` composed into it, or a sentence why not."""
    axis, size = expression.axis, spatial(node, expression.axis)
    outers, _ = _merged(expression.terms[chain.source], spatial(chain.source, axis), size)
    for outer in outers:
        why = compose.refusal(outer, chain.inner, chain.border, chain.pads)
        if why is not None:
            return why
    affected = {s: expression.terms.get(s, ()) for s in chain.inner.terms}
    before = _Cost.of(affected, node, axis) + _Cost.of({chain.source: outers}, node, axis)
    before += _Cost.of(chain.inner.terms, chain.root, axis)
    if not any(affected.values()):              # nothing to share weights with: the cost is known beforehand
        size_after = sum(compose.composed_size(o, b) for o in outers for bs in chain.inner.terms.values() for b in bs)
        after = _Cost(size_after, size_after * math.prod(size))
        if after > before:
            return before.growth(after)
    composed = {s: tuple(compose.compose(o, b, chain.pads) for o in outers for b in bs)
                for s, bs in chain.inner.terms.items()}
    merged = {s: _merged(affected[s] + composed[s], spatial(s, axis), size)[0] for s in composed}
    after = _Cost.of(merged, node, axis)
    if after > before:
        return before.growth(after)
    if any(b.output_size(spatial(s, axis)) != size for s, bs in merged.items() for b in bs):
        return "no padding gives the output size that the two have in sequence"
    terms = {s: bs for s, bs in expression.terms.items() if s != chain.source and s not in merged} | merged
    bias = expression.bias + sum(compose.composed_bias(o, chain.inner.bias) for o in outers)
    return replace(expression, terms=terms, bias=bias)


@dataclass(frozen=True)
class _Cost:
    weights: int
    macs: int

    @classmethod
    def of(cls, terms: Terms, node: Node, axis: int) -> _Cost:
        """Cost of computing `terms` at `node`, branches of one source merged."""
        size = spatial(node, axis)
        weights = sum(b.weight.numel() for s, bs in terms.items() for b in _merged(bs, spatial(s, axis), size)[0])
        return cls(weights, weights * math.prod(size))

    def __add__(self, other: _Cost) -> _Cost:
        return _Cost(self.weights + other.weights, self.macs + other.macs)

    def __gt__(self, other: _Cost) -> bool:
        return self.weights > other.weights or self.macs > other.macs

    def growth(self, after: _Cost) -> str:
        """The sentence for a composition that costs more than its parts."""
        return (f"one convolution for both would need {after.weights} weights and {after.macs} multiply-accumulates "
                f"instead of {self.weights} and {self.macs}")
