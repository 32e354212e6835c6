"""Values that do not depend on the input are computed once, and nothing else is."""

from __future__ import annotations

import torch
from torch import nn

from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.passes import FoldKnownValues, run
from ghostdeploy.trace import trace


class JointBias(nn.Module):
    """A linear layer whose bias is put together, as in BEiT; and a table that is looked up with constant indices."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.q, self.v = (nn.Parameter(torch.randn(*s)) for s in ((6, 4), (3,), (3,)))
        self.table = nn.Parameter(torch.randn(5, 6))
        self.register_buffer("index", torch.tensor([3]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bias = torch.cat((self.q, self.v))
        return nn.functional.linear(x, self.weight, bias) + self.table[self.index]


def test_what_is_known_becomes_a_constant_and_the_rest_stays() -> None:
    x, module = torch.randn(1, 4), JointBias()
    graph = trace(module, x)
    (outcome,) = run([FoldKnownValues()], graph, x, prove=True)
    assert outcome.changed >= 2
    operators = [str(n.target) for n in graph.graph.nodes if n.op == "call_function"]
    assert sorted(operators) == ["aten.add.Tensor", "aten.linear.default"]
    torch.testing.assert_close(graph(x), module(x), rtol=0, atol=0)


def test_random_values_are_not_known() -> None:
    graph = trace(nn.Identity(), torch.zeros(2))
    (placeholder,) = graph.graph.find_nodes(op="placeholder")
    with graph.graph.inserting_after(placeholder):
        drawn = graph.graph.call_function(torch.ops.aten.rand.default, ([2],))
    drawn.meta["val"] = torch.empty(2, device="meta")
    assert not FoldKnownValues().matches(drawn)


def test_a_joint_bias_is_delegated() -> None:
    x = torch.randn(1, 4)
    assert lower_pte(trace(JointBias(), x), x).delegation.outside == {}
