"""What every rewrite is: a legality check with a sentence per refusal, an exact rewrite, a promise about its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

from ghostdeploy import graph
from ghostdeploy.debugging import debugging
from ghostdeploy.errors import LoweringFailed
from ghostdeploy.graph import Example
from ghostdeploy.lowering.passes.shapes import Shapes

# A rewrite may change the order of float32 operations, never the mathematics. The largest difference that one pass made
# in eight models of the zoo was 1e-6 of the output's largest value (hard-sigmoid in mobilenetv3_large_100); models with
# more noise of their own get room. A wrong rewrite makes differences of 1e-2 and more.
TOLERANCE = 2e-5

# One rewrite can make another node match (a copy whose strides agree once the view before it is gone). No model of the
# zoo needed a second sweep; the last always finds nothing.
MAX_SWEEPS = 8


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

    The parts are separate so that each can be tested alone: `matches` says where the rewrite is wanted, `refusal` why
    it would be wrong there (None: it is exact), `apply` does it at one node, `violation` names what is left over in
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
        """Rewrite one node in place: build with `emit`, then `replace` it; `run` erases what nothing reads."""
        raise NotImplementedError

    def violation(self, module: GraphModule, node: Node) -> str | None:
        """A sentence if `node` of the rewritten graph breaks the pass's promise. Default: a match without a refusal."""
        if self.matches(node) and self.refusal(module, node) is None:
            return f"{node.name} should have been rewritten"
        return None


def operand(node: Node, index: int = 0) -> Node:
    """Argument `index` of an operator whose schema says that it is a tensor."""
    value = node.args[index]
    assert isinstance(value, Node)
    return value


def emit(module: GraphModule, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Node:
    """A new operator node at the insertion point, its shape known at once so that later rewrites can read it."""
    node = module.graph.call_function(target, args, kwargs)
    blank_args, blank_kwargs = pytree.tree_map_only(Node, _blank, (args, kwargs))
    node.meta["val"] = target(*blank_args, **blank_kwargs)
    return node


def replace(old: Node, new: Node) -> None:
    """Let every reader of `old` read `new`, which belongs to its block. All other metadata stay the nodes' own."""
    new.meta.setdefault("block", old.meta.get("block"))
    old.replace_all_uses_with(new, propagate_meta=False)


def run(
    rewrites: Sequence[Rewrite], module: GraphModule, example: Example, prove: bool | None = None
) -> tuple[Outcome, ...]:
    """Apply `rewrites` in order, in place, refreshing shapes after each that changed something.

    Args:
        rewrites: the passes, in order.
        module: a functional ATen graph on static shapes, as `trace` or `fuse` return it.
        example: an input of the graph, NCHW float32; a tuple for a graph of several.
        prove: run the graph on `example` after every pass that changed it, and compare with before. Costs one float32
            inference per such pass; by default only when debugging.

    Raises:
        LoweringFailed: a rewrite did not ensure its promise, or (with `prove`) changed the output by more than
            `TOLERANCE` of its largest value; a bug of ours, named with the pass and the node.
    """
    prove = debugging() if prove is None else prove
    reference = _outputs(module, example) if prove else []
    shapes, outcomes = Shapes(), []
    for rewrite in rewrites:
        outcome = _run_one(rewrite, module, example, shapes)
        outcomes.append(outcome)
        if prove and outcome.changed:
            reference = _compared(rewrite, reference, _outputs(module, example))
    return tuple(outcomes)


def _run_one(rewrite: Rewrite, module: GraphModule, example: Example, shapes: Shapes) -> Outcome:
    total = 0
    for _ in range(MAX_SWEEPS):
        changed, refused = _sweep(rewrite, module)
        if not changed:
            break
        graph.clean(module)
        shapes.refresh(module, example)
        total += changed
    for node in module.graph.nodes:
        broken = rewrite.violation(module, node) if node.op == "call_function" else None
        if broken is not None:
            raise LoweringFailed(f"pass {rewrite.name} left its promise broken: {broken}",
                                 "this is a bug in ghostdeploy", "please report it with the model's name")
    return Outcome(rewrite.name, total, refused)


def _sweep(rewrite: Rewrite, module: GraphModule) -> tuple[int, tuple[Refusal, ...]]:
    changed, refused = 0, []
    for node in list(module.graph.nodes):
        if node.op != "call_function" or not node.users or not rewrite.matches(node):
            continue
        why = rewrite.refusal(module, node)
        if why is not None:
            refused.append(Refusal(node.name, why))
            continue
        before = node.prev
        with module.graph.inserting_before(node):
            rewrite.apply(module, node)
        _inherit_block(before, node)
        changed += 1
    return changed, tuple(refused)


def _inherit_block(before: Node, node: Node) -> None:
    """What was written in place of `node` belongs to its block."""
    new = before.next
    while new is not node:
        new.meta.setdefault("block", node.meta.get("block"))
        new = new.next


def _blank(node: Node) -> Any:
    return pytree.tree_map_only(torch.Tensor, _meta_like, node.meta["val"])


def _meta_like(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")


def _outputs(module: GraphModule, example: Example) -> list[torch.Tensor]:
    with torch.no_grad():
        return [t for t in pytree.tree_leaves(module(*graph.inputs(example))) if isinstance(t, torch.Tensor)]


def _compared(rewrite: Rewrite, before: list[torch.Tensor], after: list[torch.Tensor]) -> list[torch.Tensor]:
    for old, new in zip(before, after, strict=True):
        error = float((new - old).abs().max() / old.abs().max().clamp_min(torch.finfo(torch.float32).tiny))
        if not error <= TOLERANCE:
            raise LoweringFailed(f"pass {rewrite.name} changed the output by {error:.1e} of its largest value",
                                 "this is a bug in ghostdeploy", "please report it with the model's name")
    return after
