"""int8 on the runtimes that phones get: whole in one delegate, and what this machine answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ghostdeploy.device.android.document import ExecutorchDelegation, TfliteDelegation
from ghostdeploy.device.android.pinned import Abi
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Format, Lowered
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.quantisation import Calibration
from tests.ghosts import gated
from tests.runner.android_run import run_job
from tests.small_artifacts import images

SAMPLES = torch.from_numpy(images()[:4]).split(1)


@pytest.fixture(scope="module")
def lowered() -> dict[Format, Lowered]:
    graph = fuse(gated(), SAMPLES[0], verify=False).module
    return {"pte": lower_pte(graph, SAMPLES[0], "int8", calibration=Calibration(SAMPLES)),
            "tflite": lower_tflite(graph, SAMPLES[0], "int8", calibration=Calibration(SAMPLES))}


# TFLite 2.14 for x86_64 converts to int8 with aligned loads of 64 bytes (vmovdqa64) from memory that it aligned to 32,
# and dies of SIGSEGV on CPUs with AVX-512, as this machine's is; phones have none.
WAYS: tuple[tuple[Abi, Format], ...] = (("arm64-v8a", "pte"), ("arm64-v8a", "tflite"), ("x86_64", "pte"))


@pytest.mark.parametrize(("abi", "format"), WAYS)
def test_it_answers_as_here(lowered: dict[Format, Lowered], abi: Abi, format: Format, tmp_path: Path) -> None:
    made, path = lowered[format], tmp_path / f"model.{format}"
    path.write_bytes(made.data)
    job = Job(path, format, "infer", made.inputs, made.outputs)
    photos = [[sample.numpy()] for sample in SAMPLES]
    here, there = LocalDevice().run(job, photos), run_job(job, abi, photos)
    for ours, theirs in zip(here.outputs, there[0].outputs, strict=True):
        # Kernels for other CPUs round sums to int8 differently: an answer may be a step or two off.
        assert np.abs(theirs[0] - ours[0]).max() <= 0.03 * np.abs(ours[0]).max()
    measured = there[1].document.measured
    assert measured is not None
    assert isinstance(measured.delegation, TfliteDelegation | ExecutorchDelegation)
    assert measured.delegation.fully_delegated and measured.delegation.delegates == 1
