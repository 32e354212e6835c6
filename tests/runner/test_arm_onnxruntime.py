"""ONNX Runtime's arm64 library under the counter."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.arm.onnxruntime import count
from benchmarks.exporters.onnx import fused
from ghostdeploy.cost import macs
from ghostdeploy.errors import RunnerFailed
from ghostdeploy.fusion import fuse
from tests.tiny import factory

SIDE, CPU = 32, "cortex-a76"
NOISE = 0.01        # of half a million instructions; its memory arena settles over the first inferences


def test_an_inference_is_counted_again_as_it_was_and_does_its_multiplications(tmp_path: Path) -> None:
    module, example = factory().eval(), torch.zeros(1, 3, SIDE, SIDE)
    fused(module, example, artifact := tmp_path / "model.onnx")
    first, second = (count(artifact, SIDE, CPU) for _ in range(2))
    assert first.per_inference == pytest.approx(second.per_inference, rel=NOISE)
    assert first.per_inference > macs(fuse(module, example).module, example) / 4
    assert first.runtime.name == "onnxruntime" and first.threads == 1


def test_what_does_not_run_is_told_in_the_runtimes_words(tmp_path: Path) -> None:
    (artifact := tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(RunnerFailed, match="does not run") as failure:
        count(artifact, SIDE, CPU)
    assert "Protobuf" in failure.value.why
