"""Graph modules that compile when they are called: the same programs, and modules that compute what they should."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch.fx import GraphModule, symbolic_trace

from ghostdeploy import late_code as home
from ghostdeploy.fusion import fuse
from ghostdeploy.late_code import late_code
from ghostdeploy.lowering.executorch import lower_pte, shortcuts
from tests.tiny import factory


def double(x: torch.Tensor) -> torch.Tensor:
    return x * 2


def test_the_bytes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    example = torch.randn(1, 3, 32, 32)
    graph = fuse(factory(), example, verify=False).module
    late = lower_pte(graph, example).data
    monkeypatch.setattr(shortcuts, "late_code", nullcontext)
    assert lower_pte(graph, example).data == late


def test_a_call_runs_the_graph_as_it_is_then() -> None:
    with late_code():
        module = symbolic_trace(double)
        assert module.code == ""
        assert module(torch.tensor(3)) == 6 and "x * 2" in module.code
        (product,) = (node for node in module.graph.nodes if node.op == "call_function")
        product.args = (product.args[0], 5)
        module.recompile()
        assert module(torch.tensor(3)) == 15
        left = symbolic_trace(double)
    assert left(torch.tensor(3)) == 6


def test_torch_is_left_as_it_was() -> None:
    before = GraphModule.recompile
    with pytest.raises(KeyError), late_code():
        assert GraphModule.recompile is not before
        raise KeyError
    assert GraphModule.recompile is before


def test_another_torch_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "version", lambda package: "9.9+cpu")
    before = GraphModule.recompile
    with late_code():
        assert GraphModule.recompile is before
