"""Writes plans back into the graph, with constants in float64; `round_constants` then casts each of them once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ghostdeploy import graph as graphs
from ghostdeploy.fusion.affine import Branch
from ghostdeploy.fusion.plan import Plan

aten = torch.ops.aten
CONVOLUTION_OF_RANK = {1: aten.conv1d.default, 2: aten.conv2d.default, 3: aten.conv3d.default}


def overflow(plan: Plan) -> str | None:
    """A sentence if a folded number does not fit the graph's precision, else None."""
    dtype = plan.node.meta["val"].dtype
    values = [b.weight for _, b in plan.branches] + [plan.expression.bias]
    if all(bool(v.to(dtype).isfinite().all()) for v in values):
        return None
    return f"a folded weight or bias is not a finite {dtype}"


def emit(module: GraphModule, plan: Plan, written: Mapping[Node, Node]) -> Node:
    """Write `plan` in front of its node and return the node that now computes it.

    `written` says what computes the sources by now. The caller moves the readers.
    """
    with module.graph.inserting_before(plan.node):
        writer = _Writer(module, plan)
        carrier = next((i for i, (_, b) in enumerate(plan.branches) if b.node is None and not b.plain), None)
        total: Node | None = None
        for i, (source, branch) in enumerate(plan.branches):
            y = writer.branch(written.get(source, source), branch, i == carrier)
            total = y if total is None else writer.call(aten.add.Tensor, (total, y))
        assert total is not None
        if carrier is None and writer.has_bias:
            bias = writer.constant("bias", writer.broadcast(plan.expression.bias))
            total = writer.call(aten.add.Tensor, (total, bias))
    if total in writer.new:
        total.meta["computes"] = plan.node.name
    return total


def round_constants(module: GraphModule) -> None:
    """Cast every constant that `emit` wrote to its graph's precision: the only place where float64 ends."""
    for node in module.graph.find_nodes(op="get_attr"):
        dtype = node.meta.pop("rounds_to", None)
        if dtype is None:
            continue
        value = module.get_buffer(str(node.target)).to(dtype)
        module.register_buffer(str(node.target), value)
        node.meta["val"] = value.to("meta")


class _Writer:
    def __init__(self, module: GraphModule, plan: Plan) -> None:
        self.module, self.plan = module, plan
        self.value = plan.node.meta["val"]
        self.new: set[Node] = set()

    def branch(self, source: Node, branch: Branch, carries_bias: bool) -> Node:
        """One branch, with the expression's bias if it is the one to carry it."""
        if branch.node is not None:
            return branch.node
        if branch.plain:
            return source
        if branch.identity and not (carries_bias and self.is_map):
            y = self.call(aten.mul.Tensor, (source, self.constant("scale", self.broadcast(branch.weight.flatten()))))
            if not carries_bias:
                return y
            return self.call(aten.add.Tensor, (y, self.constant("bias", self.broadcast(self.plan.expression.bias))))
        weight = self.constant("weight", branch.weight)
        bias = self.constant("bias", self.plan.expression.bias) if carries_bias and self.has_bias else None
        if not branch.kernel:
            return self.call(aten.linear.default, (source, weight, bias) if bias else (source, weight))
        return self.call(CONVOLUTION_OF_RANK[len(branch.kernel)],
                         (source, weight, bias, list(branch.stride), list(branch.padding), list(branch.dilation),
                          branch.groups))

    @property
    def is_map(self) -> bool:
        """[N, C, H, W]: a scale and shift is one 1x1 depthwise convolution there, half the memory traffic of two."""
        return self.value.dim() == 4 and self.plan.expression.axis == 1

    @property
    def has_bias(self) -> bool:
        return bool(self.plan.expression.bias.any())

    def broadcast(self, value: torch.Tensor) -> torch.Tensor:
        shape = [1] * self.value.dim()
        shape[self.plan.expression.axis] = -1
        return value.view(shape)

    def constant(self, role: str, value: torch.Tensor) -> Node:
        node = graphs.new_constant(self.module, f"{self.plan.node.name}_{role}", value)
        node.meta["rounds_to"] = self.value.dtype
        return node

    def call(self, target: Any, args: tuple[Any, ...]) -> Node:
        node = self.module.graph.call_function(target, args)
        node.meta["val"] = self.value
        node.meta["block"] = self.plan.node.meta.get("block")
        self.new.add(node)
        return node
