"""Running single rewrites on small modules, and comparing with eager."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import nn
from torch.fx import GraphModule

from ghostdeploy.lowering.passes import Outcome, Rewrite, run
from ghostdeploy.trace import trace


class Function(nn.Module):
    """A module around a function of one tensor and a convolution's worth of weights."""

    def __init__(self, function, **parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleDict(parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, **self.parts)


def rewritten(module: nn.Module, example: torch.Tensor, *rewrites: Rewrite) -> tuple[GraphModule, tuple[Outcome, ...]]:
    """Trace `module` and apply `rewrites`, checking every output against eager."""
    graph = trace(module.eval(), example)
    result = copy.deepcopy(graph)
    outcomes = run(rewrites, result, example)
    with torch.no_grad():
        torch.testing.assert_close(result(example), module(example), rtol=1e-5, atol=1e-6)
    return result, outcomes


def operators(graph: GraphModule) -> Counter[str]:
    """How often each operator is called."""
    return Counter(str(n.target).removeprefix("aten.") for n in graph.graph.nodes if n.op == "call_function")
