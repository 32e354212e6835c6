"""The proof fails for what is wrong, and says where it goes wrong."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.fx import GraphModule

from ghostdeploy.errors import FusionInexact
from ghostdeploy.fusion import fuse
from ghostdeploy.fusion.proof import Exact, prove, prove_algebra
from ghostdeploy.trace import trace
from tests import fusion_blocks as blocks
from tests.randomise import randomise_norms

C, BLOCKS = 8, 6


@pytest.fixture(scope="module")
def graph() -> GraphModule:
    torch.manual_seed(0)
    model = nn.Sequential(*(blocks.rep_vgg(C) for _ in range(BLOCKS)))
    return trace(randomise_norms(model), example())


def example() -> torch.Tensor:
    return torch.randn(1, C, 10, 10, generator=torch.Generator().manual_seed(0))


def outputs_of_blocks(graph: GraphModule) -> list[str]:
    """The last sum of each block, in the original: the values that a fused convolution computes."""
    return [n.args[0].name for n in graph.graph.nodes if n.target == torch.ops.aten.relu.default]


@pytest.mark.parametrize("broken", [0, 2, 5])
@pytest.mark.parametrize("size", [1e-1, 1e-4])
def test_a_wrong_weight_is_found_where_it_is(graph: GraphModule, broken: int, size: float) -> None:
    fused = fuse(graph, example(), verify=False).module
    weights = [n.target for n in fused.graph.nodes if n.op == "get_attr" and n.target.endswith("_weight")]
    assert len(weights) == BLOCKS
    with torch.no_grad():
        getattr(fused, weights[broken])[0, 0, 1, 1] += size
    with pytest.raises(FusionInexact) as caught:
        prove(Exact(graph, example()), fused)
    assert caught.value.what.endswith(f"at {outputs_of_blocks(graph)[broken]}")


def test_an_example_of_zeros_does_not_hide_a_wrong_weight(graph: GraphModule) -> None:
    fused = fuse(graph, example(), verify=False).module
    first = next(n.target for n in fused.graph.nodes if n.op == "get_attr" and n.target.endswith("_weight"))
    getattr(fused, first).data.mul_(1.001)
    with pytest.raises(FusionInexact):
        prove(Exact(graph, torch.zeros(1, C, 10, 10)), fused)


def test_a_nan_is_a_departure(graph: GraphModule) -> None:
    fused = fuse(graph, example(), verify=False).module
    last = [n.target for n in fused.graph.nodes if n.op == "get_attr" and n.target.endswith("_bias")][-1]
    getattr(fused, last).data[0] = float("nan")
    with pytest.raises(FusionInexact, match=outputs_of_blocks(graph)[-1]):
        prove(Exact(graph, example()), fused)


def test_a_model_of_nans_is_not_proven() -> None:
    model = randomise_norms(nn.Sequential(nn.Conv2d(C, C, 1), nn.BatchNorm2d(C)))
    model[0].weight.data[0] = float("nan")
    with pytest.raises(FusionInexact, match="not finite"):
        fuse(model, example())


def test_the_fused_graph_is_proven(graph: GraphModule) -> None:
    report = fuse(graph, example()).report
    assert report.inputs >= 2
    assert 0 < report.noise < 1e-6
    assert 0 < report.rel_error < 1.5e-6


def test_the_algebra_is_proven_far_below_float32(graph: GraphModule) -> None:
    """A weight that is off by a millionth of its size passes as rounding; not as algebra."""
    from ghostdeploy.fusion.fuser import _fused

    exact, *_ = _fused(graph)
    prove_algebra(Exact(graph, example()), exact)
    first = next(n.target for n in exact.graph.nodes if n.op == "get_attr" and n.target.endswith("_weight"))
    getattr(exact, first).data[0].mul_(1 + 1e-6)
    with pytest.raises(FusionInexact, match=f"in float64, at {outputs_of_blocks(graph)[0]}"):
        prove_algebra(Exact(graph, example()), exact)
