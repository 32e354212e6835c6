"""What every rewrite is: a legality check with a sentence for each refusal, an exact rewrite, a promise about its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.fx import GraphModule, Node
from torch.fx.passes.fake_tensor_prop import FakeTensorProp

from ghostdeploy import graph
from ghostdeploy.errors import LoweringFailed


@dataclass(frozen=True)
class Refusal:
    """A node that a pass left as it was, and why, in one sentence."""

    node: str
    why: str


@dataclass(frozen=True)
class Outcome:
    """What one pass did to a graph."""

    name: str
    changed: int
    refused: tuple[Refusal, ...]


class Rewrite:
    """An exact graph rewrite. Subclasses state their reason to exist, measured, in their docstring.

    The three parts are separate so that each can be tested alone: `matches` says where the rewrite is wanted, `refusal`
    why it would be wrong there (None: it is exact), `apply` does it at one node, `violation` names what is left over in
    the *result* that the pass promised to remove.
    """

    name: ClassVar[str]

    def matches(self, node: Node) -> bool:
        """Is this a node that the rewrite is about?"""
        raise NotImplementedError

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """A sentence why the rewrite may not be applied to a matching node, or None."""
        return None

    def apply(self, module: GraphModule, node: Node) -> None:
        """Rewrite one node in place. New nodes need no `meta["val"]`: `run` propagates shapes afterwards."""
        raise NotImplementedError

    def violation(self, module: GraphModule, node: Node) -> str | None:
        """A sentence if `node` of the rewritten graph breaks the pass's promise. Default: a match without a refusal."""
        if self.matches(node) and self.refusal(module, node) is None:
            return f"{node.name} should have been rewritten"
        return None


def run(rewrites: Sequence[Rewrite], module: GraphModule, example: torch.Tensor) -> tuple[Outcome, ...]:
    """Apply `rewrites` in order, in place, refreshing shapes after each that changed something.

    Raises:
        LoweringFailed: a rewrite did not ensure its promise; a bug of ours, named with the pass and the node.
    """
    return tuple(_run_one(rewrite, module, example) for rewrite in rewrites)


def _run_one(rewrite: Rewrite, module: GraphModule, example: torch.Tensor) -> Outcome:
    changed, refused = 0, []
    for node in list(module.graph.nodes):
        if node.op != "call_function" or not node.users or not rewrite.matches(node):
            continue
        why = rewrite.refusal(module, node)
        if why is not None:
            refused.append(Refusal(node.name, why))
            continue
        rewrite.apply(module, node)
        changed += 1
    if changed:
        graph.clean(module)
        propagate_shapes(module, example)
    for node in module.graph.nodes:
        broken = rewrite.violation(module, node) if node.op == "call_function" else None
        if broken is not None:
            raise LoweringFailed(f"pass {rewrite.name} left its promise broken: {broken}",
                                 "this is a bug in ghostdeploy", "please report it with the model's name")
    return Outcome(rewrite.name, changed, tuple(refused))


def propagate_shapes(module: GraphModule, example: torch.Tensor) -> None:
    """Recompute every `meta["val"]` from the shape of the input."""
    FakeTensorProp(module).propagate(example)
