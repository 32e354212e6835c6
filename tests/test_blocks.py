"""Blocks: every operator in one, named as the author did, and cut apart they still compute the model."""

from __future__ import annotations

import pytest
import torch
from torch.fx import GraphModule, Node

from ghostdeploy.blocks import blocks, cut, examples
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.profiling.attribution import operators
from ghostdeploy.trace import trace
from tests.test_fusion_models import build
from tests.tiny import factory

MODELS = ("mobilenetv2_100", "ghostnetv3_100", "repvit_m0_9", "deit_tiny_patch16_224", "mobilevit_xs")


def fused(name: str) -> GraphModule:
    return fuse(build(name), torch.randn(1, 3, 224, 224), verify=False).module


@pytest.mark.parametrize("name", MODELS)
def test_blocks_hold_every_operator_once_and_in_order(name: str) -> None:
    graph = fused(name)
    found = [node for block in blocks(graph) for node in block.nodes]
    assert found == [node for node in graph.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize("name", MODELS)
def test_blocks_are_modules_of_the_model_and_none_is_most_of_it(name: str) -> None:
    graph, paths = fused(name), dict(build(name).named_modules())
    found = blocks(graph)
    total = sum(len(block.nodes) for block in found)
    assert all(block.name in paths for block in found)
    assert 8 < len(found) < 60
    assert max(len(block.nodes) for block in found) <= total / 6


def test_blocks_of_mobilenetv2_are_its_inverted_residuals() -> None:
    names = [block.name for block in blocks(fused("mobilenetv2_100"))]
    repeats = (1, 2, 3, 4, 3, 3, 1)
    assert names == ["conv_stem", *(f"blocks.{i}.{j}" for i, n in enumerate(repeats) for j in range(n)), "conv_head",
                     "classifier"]


@pytest.mark.parametrize("name", MODELS)
def test_blocks_one_after_another_compute_the_model(name: str) -> None:
    graph, x = fused(name), torch.randn(1, 3, 224, 224)
    values: dict[str, torch.Tensor] = {}
    placeholder = next(node for node in graph.graph.nodes if node.op == "placeholder")
    values[placeholder.name] = x
    with torch.no_grad():
        for block in blocks(graph):
            part = cut(graph, block.nodes)
            taken = [values[node.name] for node in part.graph.nodes if node.op == "placeholder"]
            assert [tuple(t.shape) for t in taken] == [tuple(t.shape) for t in examples(part)]
            inside = set(block.nodes)
            given = [node for node in block.nodes if any(user not in inside for user in node.users)]
            values |= {node.name: value for node, value in zip(given, part(*taken), strict=True)}
        result = next(node for node in graph.graph.nodes if node.op == "output").args[0]
        last = result if isinstance(result, Node) else result[0]
        assert torch.allclose(values[last.name], graph(x), rtol=1e-5, atol=1e-5 * float(graph(x).abs().max()))


def test_a_tflite_says_of_every_operator_to_which_block_it_belongs() -> None:
    graph = fused("ghostnetv3_100")
    lowered = lower_tflite(graph, torch.randn(1, 3, 224, 224))
    names = list(dict.fromkeys(stretch.block for stretch in lowered.stretches))
    assert names == [block.name for block in blocks(graph)]
    assert sum(stretch.operators for stretch in lowered.stretches) == len(operators(lowered.data))


def test_a_graph_that_no_module_owns_is_one_block_without_a_name() -> None:
    graph = trace(factory(), torch.randn(1, 3, 64, 64))
    for node in graph.graph.nodes:
        node.meta.pop("block", None)
    assert [block.name for block in blocks(graph)] == [""]
