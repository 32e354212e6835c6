"""What int8 gains and loses: the same kinds beside each other, medians, and a real model from end to end."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.roofline.int8 import measure
from benchmarks.roofline.kinds import both, kind_of, markdown
from ghostdeploy.progress import SILENT


def test_kinds_are_the_same_in_both_precisions() -> None:
    assert kind_of("Convolution (NHWC, F32) DWConv") == kind_of("Convolution (NHWC, QC8) DWConv") == "depthwise"
    assert kind_of("Fully Connected (NC, QS8, QC8W) GEMM") == "1x1 and matrix products"
    assert kind_of("never heard of") == "other"


def test_medians_and_ratios() -> None:
    found = both("made up", {"fp32": [(4e6, {"depthwise": 1e6}), (5e6, {"depthwise": 2e6}), (9e6, {"depthwise": 9e6})],
                             "int8": [(2e6, {"depthwise": 3e6, "conversions": 1e6})] * 3})
    text = markdown([found], above="int8", below="fp32")
    assert "| whole | 5.00 | 2.00 | 0.40 |" in text
    assert "| depthwise | 2.00 | 3.00 | 1.50 |" in text
    assert "| conversions | 0.00 | 1.00 |  |" in text
    assert text.index("depthwise |") < text.index("conversions |")


def test_a_small_model_from_end_to_end(tmp_path: Path) -> None:
    with torch.no_grad():
        found = measure("tests.tiny:factory", tmp_path, SILENT)
    assert set(found.whole_ns) == {"fp32", "int8"} and all(ns > 0 for ns in found.whole_ns.values())
    assert {"depthwise", "other convolutions", "conversions"} <= set(found.kinds)
