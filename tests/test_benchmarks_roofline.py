"""The roofline: every multiply-add of a model is in exactly one layer, and a floor is what the lower roof allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.models import Source
from benchmarks.roofline.layers import Layer, layers
from benchmarks.roofline.measuring import measure
from benchmarks.roofline.standing import BlockStanding, Roofs, Standing
from benchmarks.roofline.table import markdown
from ghostdeploy import cost
from ghostdeploy.fusion import fuse
from ghostdeploy.progress import SILENT

LAYER = Layer("1x1", "made up", 2, macs=1000, moved=400)


def test_a_roof_is_the_highest_that_was_measured() -> None:
    assert Roofs.highest([Roofs(1, 20, 3), Roofs(10, 2, 3)]) == Roofs(10, 20, 3)


def test_the_floor_is_the_lower_roof() -> None:
    assert Roofs(macs=10, moved=100, fetched=1).floor_ns(LAYER) == 100
    assert Roofs(macs=1000, moved=100, fetched=1).floor_ns(LAYER) == 4


@pytest.mark.parametrize("model", ["ghostnetv3_050", "mobilenetv2_100"])
def test_every_multiply_add_is_counted_once(model: str) -> None:
    loaded = Source(model).load()
    size = loaded.preprocessing.input_size
    graph = fuse(loaded.module, torch.zeros(1, 3, size, size)).module
    assert sum(layer.macs for _, layer, _ in layers(graph)) == cost.macs(graph, torch.zeros(1, 3, size, size))


def test_the_table_adds_up() -> None:
    """Two layers of 200 ns against a floor of 100 each, in a whole of 1000: half the floor, 600 left."""
    text = markdown([Standing("made up", 5_000_000, 1000.0, ((LAYER, 200.0),), Roofs(10, 100, 1))])
    row = next(line for line in text.splitlines() if line.startswith("| all layers"))
    assert [cell.strip() for cell in row.split("|")[2:8]] == ["2", "0.0", "0.00", "40%", "5.0", "50%"]
    assert "| what is left | | | 0.00 | 60% |" in text
    assert "fetching 5.0 MB of weights at 1.0 GB/s takes 5.00 ms" in text


def test_a_small_model_from_end_to_end(tmp_path: Path) -> None:
    with torch.no_grad():
        standing = measure("tests.tiny:factory", tmp_path, SILENT)
    assert standing.whole_ns > 0 and all(ns > 0 for _, ns in standing.layers)
    assert min(standing.roofs.macs, standing.roofs.moved, standing.roofs.fetched) > 0
    assert "all layers" in markdown([replace(standing, model="tiny")])
    assert sum(block.macs for block in standing.blocks) == sum(layer.macs * layer.count for layer, _ in standing.layers)
    assert {block.block for block in standing.blocks} == {layer.block for layer, _ in standing.layers}


def test_blocks_stand_beside_their_floors() -> None:
    stem = Layer("1x1", "made up", 1, macs=10_000_000, moved=400)
    blocks = (BlockStanding("stem", 4e6, (stem,)), BlockStanding("blocks.0", 12e6, ()))
    standing = Standing("made up", 5_000_000, 16e6, ((LAYER, 200.0),), Roofs(10, 100, 1), blocks)
    text = markdown([standing])
    assert "(16.00 ms together)" in text and "not steady" not in text
    assert "not steady" in markdown([replace(standing, whole_ns=14e6)])
    assert "| stem | 10.0 | 4.00 | 25% | 1.00 | 25% |" in text
    assert "| blocks.0 | 0.0 | 12.00 | 75% | 0.00 | 0% |" in text
