"""Nearest upsampling: the index rule against torch itself, and both exact forms."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ghostdeploy.lowering.passes import NearestAsGather, NearestAsSlices
from ghostdeploy.lowering.passes.nearest_index import NEAREST, doubles, source_indices
from ghostdeploy.trace import trace
from tests.rewriting import Function, operators, rewritten

RATIOS = [(3, 7), (4, 7), (5, 8), (6, 3), (2, 2), (3, 6), (7, 14), (2, 11), (1, 4), (13, 5)]


def _upsampling(height: int, width: int, **how):
    graph = trace(Function(lambda x: F.interpolate(x, mode="nearest", **how)), torch.zeros(1, 1, height, width))
    (node,) = (n for n in graph.graph.nodes if n.target in NEAREST)
    return node


def _torch_rows(size: int, out: int | None, factor: float | None) -> list[int]:
    """What torch reads when it upsamples a column of row numbers, in channels-last memory, which is another kernel."""
    rows = torch.arange(size, dtype=torch.float32).reshape(1, 1, size, 1).expand(1, 4, size, 3)
    rows = rows.contiguous(memory_format=torch.channels_last)
    size_or_factor = {"size": (out, 3)} if out is not None else {"scale_factor": (factor, 1.0)}
    return [int(v) for v in F.interpolate(rows, mode="nearest", **size_or_factor)[0, 0, :, 0]]


def test_indices_are_torchs_for_every_size_up_to_32() -> None:
    node = _upsampling(2, 3, size=(4, 3))
    example = node.args[0].meta["val"]
    for size in range(1, 33):
        node.args[0].meta["val"] = example.new_empty(1, 1, size, 3)
        for out in range(1, 33):
            node.args = (node.args[0], [out, 3], None)
            rows, columns = source_indices(node)
            assert rows == _torch_rows(size, out, None), (size, out)
            assert columns == [0, 1, 2]


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.75, 1.1, 1.25, 1.3, 1.5, 1.7, 2.0, 2.3, 2.5, 3.0, 3.7])
def test_indices_are_torchs_for_a_given_factor(factor: float) -> None:
    node = _upsampling(4, 3, scale_factor=(factor, 1.0))
    example = node.args[0].meta["val"]
    assert node.args[1:] == (None, [factor, 1.0])
    for size in range(4, 33):
        node.args[0].meta["val"] = example.new_empty(1, 1, size, 3)
        assert source_indices(node)[0] == _torch_rows(size, None, factor), size


def test_a_given_factor_and_a_given_size_really_differ() -> None:
    """Otherwise the test above would prove nothing: 13 rows by 1.3 and to 16 read other rows."""
    by_factor = [_torch_rows(n, None, f) for n in range(4, 33) for f in (1.1, 1.3, 1.7, 2.3)]
    by_size = [_torch_rows(n, len(_torch_rows(n, None, f)), None) for n in range(4, 33) for f in (1.1, 1.3, 1.7, 2.3)]
    assert by_factor != by_size


def test_only_exact_doubling_counts_as_doubling() -> None:
    assert doubles(_upsampling(5, 7, scale_factor=2))
    assert doubles(_upsampling(5, 7, size=(10, 14)))
    assert not doubles(_upsampling(3, 3, size=(7, 7)))
    assert not doubles(_upsampling(3, 3, size=(6, 7)))
    assert not doubles(_upsampling(4, 4, scale_factor=3))


@pytest.mark.parametrize(("size", "out"), RATIOS)
@pytest.mark.parametrize("fan_in", [4, 5])
def test_slices_are_bit_exact_and_their_trees_narrow(size: int, out: int, fan_in: int) -> None:
    module = Function(lambda x: F.interpolate(x, size=(out, size), mode="nearest"))
    example = torch.randn(1, 5, size, size)
    graph, _ = rewritten(module, example, NearestAsSlices(fan_in=fan_in))
    assert torch.equal(graph(example), module(example))
    assert not set(operators(graph)) & {"upsample_nearest2d.vec"}
    for node in graph.graph.find_nodes(op="call_function", target=torch.ops.aten.cat.default):
        assert 2 <= len(node.args[0]) <= fan_in
        assert len(set(node.args[0])) > 1, "ExecuTorch refuses a tensor beside itself"


def test_slices_keep_what_the_backend_does_better() -> None:
    module = Function(lambda x: F.interpolate(F.interpolate(x, scale_factor=2), size=(9, 9)))
    graph, (outcome,) = rewritten(module, torch.randn(2, 3, 4, 4), NearestAsSlices(keep=doubles))
    assert outcome.changed == 1
    assert operators(graph)["upsample_nearest2d.vec"] == 1


@pytest.mark.parametrize(("size", "out"), RATIOS)
def test_gathers_are_bit_exact_and_leave_whole_factors(size: int, out: int) -> None:
    module = Function(lambda x: F.interpolate(x, size=(out, out), mode="nearest"))
    example = torch.randn(2, 3, size, size)
    graph, (outcome,) = rewritten(module, example, NearestAsGather())
    assert torch.equal(graph(example), module(example))
    assert outcome.changed == (0 if out % size == 0 else 1)
