"""The roofline: every multiply-add of a model is in exactly one layer, and a floor is what the lower roof allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.models import Source
from benchmarks.roofline import Layer, Roofs, markdown, measure
from ghostdeploy import cost
from ghostdeploy.progress import SILENT

LAYER = Layer("1x1", "made up", 1, macs=1000, moved=400)


def test_the_floor_is_the_lower_roof() -> None:
    assert Roofs(macs=10, moved=100, fetched=1).floor_ns(LAYER) == 100
    assert Roofs(macs=1000, moved=100, fetched=1).floor_ns(LAYER) == 4


@pytest.mark.parametrize("model", ["ghostnetv3_050", "mobilenetv2_100"])
def test_every_multiply_add_is_counted_once(model: str) -> None:
    from benchmarks.roofline import _layers
    from ghostdeploy.fusion import fuse

    loaded = Source(model).load()
    size = loaded.preprocessing.input_size
    example = torch.zeros(1, 3, size, size)
    graph = fuse(loaded.module, example).module
    counted, whole = sum(layer.macs for _, layer, _ in _layers(graph)), cost.macs(graph, example)
    assert counted == whole


def test_a_small_model_from_end_to_end(tmp_path: Path) -> None:
    with torch.no_grad():
        standing = measure("tests.tiny:factory", tmp_path, SILENT)
    assert standing.whole_ns > 0 and all(ns > 0 for _, ns in standing.layers)
    assert min(standing.roofs.macs, standing.roofs.moved, standing.roofs.fetched) > 0
    text = markdown([standing])
    rest = standing.whole_ns - sum(layer.count * ns for layer, ns in standing.layers)
    assert f"{rest / 1e6:.2f}" in text and "all layers" in text
    assert "40 MB" not in text and f"{replace(standing, size=40_000_000).size / 1e6:.1f} MB" in markdown(
        [replace(standing, size=40_000_000)])
