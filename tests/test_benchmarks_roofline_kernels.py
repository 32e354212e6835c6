"""XNNPACK's kernels beside ONNX Runtime's: which node is what, medians, and a real model from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.roofline.kernels import OURS, REST, SAME, THEIRS, Run, kind_in_onnxruntime, measure, of, runs
from ghostdeploy.progress import SILENT


@pytest.mark.parametrize(("operator", "weight", "kind"), [
    ("Conv", [16, 32, 1, 1], "1x1 and matrix products"), ("Conv", [32, 1, 3, 3], "depthwise"),
    ("FusedConv", [8, 3, 3, 3], "other convolutions"), ("Conv", [8, 1, 1, 1], "1x1 and matrix products"),
    ("Gemm", [1000, 1280], "1x1 and matrix products"), ("ReorderOutput", [1, 8, 7, 7], REST)])
def test_a_node_is_told_by_its_operator_and_its_weight(operator: str, weight: list[int], kind: str) -> None:
    node = {"op_name": operator, "input_type_shape": [{"float": [1, 8, 7, 7]}, {"float": weight}]}
    assert kind_in_onnxruntime(node) == kind


def test_medians_are_taken_node_by_node() -> None:
    measured = [(1.0, 5.0, 4.0), (3.0, 7.0, 4.0), (2.0, 900.0, 4.0)]
    found = of([Run((("depthwise", first), ("depthwise", second), (REST, third))) for first, second, third in measured])
    assert found == {"depthwise": 9_000.0, REST: 4_000.0}


def test_nodes_belong_to_the_run_around_them() -> None:
    node = {"cat": "Node", "name": "a_kernel_time", "args": {"op_name": "Gemm"}}
    events = [{"cat": "Session", "name": "model_run", "ts": 100, "dur": 50},
              {"cat": "Session", "name": "model_run", "ts": 10, "dur": 40},
              {**node, "ts": 20, "dur": 7}, {**node, "ts": 120, "dur": 9}]
    assert runs(events) == [Run(((SAME[0], 7),)), Run(((SAME[0], 9),))]


def test_a_small_model_from_end_to_end(tmp_path: Path) -> None:
    with torch.no_grad():
        found = measure("tests.tiny:factory", tmp_path, SILENT)
    assert all(found.whole_ns[side] > 0 for side in (OURS, THEIRS))
    for kind in ("depthwise", "other convolutions"):
        assert all(found.kinds[kind][side] > 0 for side in (OURS, THEIRS))
