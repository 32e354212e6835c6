"""Keeps the books of a fusion: what became one, what stayed, and the sentence for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch._ops import OpOverload
from torch.fx import GraphModule, Node

from ghostdeploy.fusion.affine import Branch
from ghostdeploy.fusion.plan import Plan
from ghostdeploy.fusion.read import CONVOLUTIONS, NORM, Reader
from ghostdeploy.fusion.report import Left, Merged

aten = torch.ops.aten
TRANSPOSED = {aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input}


@dataclass(frozen=True)
class Counts:
    """How many convolutions and BatchNorms a graph has."""

    convs: int
    norms: int


def count(module: GraphModule) -> Counts:
    """Convolutions of any rank, transposed ones too, and BatchNorms of any rank."""
    targets = [n.target for n in module.graph.nodes if n.op == "call_function"]
    return Counts(sum(t in CONVOLUTIONS or t in TRANSPOSED for t in targets), targets.count(NORM))


class Ledger:
    """Collects while plans are carried out; `close` gives the report's two lists."""

    def __init__(self, reader: Reader, stuck: dict[Node, str], kept: dict[Node, str]) -> None:
        """`stuck`: why norms could not move up; `kept`: why nodes were not composed with what reads them."""
        self._reader, self._stuck, self._kept = reader, stuck, kept
        self._merged: list[Merged] = []
        self._left: list[Left] = []
        self._shared = [(reader, operand, ", ".join(u.name for u in operand.users if u is not reader))
                        for reader, operand in reader.shared]

    def enter(self, plan: Plan, node: Node) -> None:
        """A plan was carried out; `node` computes it now."""
        parts = tuple(n.name for n in sorted(plan.inner) if n.op == "call_function")
        if plan.is_lone_affine:
            norm = next(n for n in sorted(plan.inner) if n.target == NORM)
            why = self._why_alone(norm, plan.node)
            self._left.append(Left(node.name, f"{norm.name}, as a scale and shift of its own", why))
            return
        written = [branch for _, branch in plan.branches if not branch.identity]
        self._merged.append(Merged(node.name, parts, " + ".join(_described(b) for b in written)))
        self._left += [Left(node.name, " and ".join(a.parts), a.why) for a in plan.apart if a.parallel]

    def refuse(self, plan: Plan, why: str) -> None:
        """A plan was not carried out."""
        self._left.append(Left(plan.node.name, ", ".join(n.name for n in sorted(plan.inner)), why))

    def close(self, fused: GraphModule) -> tuple[tuple[Merged, ...], tuple[Left, ...]]:
        """What was merged and what was left, once nothing more will be entered."""
        alive = set(fused.graph.nodes)
        for node, why in self._reader.unread.items():
            if node in alive and node.target == NORM:
                self._left.append(Left(node.name, f"{node.name}, a BatchNorm", why))
        for reader, operand, others in self._shared:
            mine, theirs = self._reader.expressions.get(reader), self._reader.expressions[operand]
            if mine is not None and set(mine.terms) & set(theirs.terms):
                self._left.append(Left(operand.name, f"{operand.name}, a branch of {reader.name}",
                                       f"its own value is needed by {others} too"))
        return tuple(self._merged), tuple(self._left)

    def _why_alone(self, norm: Node, last: Node) -> str:
        """Why neither what makes a norm's input nor what reads its result could take it."""
        source = norm.args[0]
        assert isinstance(source, Node)
        if norm in self._stuck:
            back = self._stuck[norm]
        elif source in self._reader.unread:
            back = f"{source.name} ({_kind(source)}) cannot take a scale: {self._reader.unread[source]}"
        elif source in self._reader.expressions and len(source.users) > 1:
            back = f"{source.name} is also read by {next(u.name for u in source.users if u is not norm)}"
        else:
            back = f"{source.name} ({_kind(source)}) cannot take a scale"
        readers = ", ".join("the output" if u.op == "output" else f"{u.name} ({_kind(u)})" for u in last.users)
        ahead = self._kept.get(last, "only what is linear and reads it alone could")
        return f"{back}; {readers} cannot take it: {ahead}"


def _kind(node: Node) -> str:
    return node.target._schema.name.partition("::")[2] if isinstance(node.target, OpOverload) else node.op


def _described(branch: Branch) -> str:
    inputs = branch.weight.shape[1] * branch.groups
    size = f"{inputs} -> {branch.weight.shape[0]}"
    if not branch.kernel:
        return f"linear, {size}"
    kernel = "x".join(str(k) for k in branch.kernel)
    details = [f"conv{len(branch.kernel)}d {kernel}", size]
    details += [f"groups {branch.groups}"] if branch.groups > 1 else []
    details += [f"stride {branch.stride[0]}"] if max(branch.stride) > 1 else []
    details += [f"dilation {branch.dilation[0]}"] if max(branch.dilation) > 1 else []
    return ", ".join(details)


