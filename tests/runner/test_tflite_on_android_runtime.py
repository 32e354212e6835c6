"""What is written to .tflite by default, in Android's own libtensorflowlite 2.14 (x86_64, native): whole and right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm

from ghostdeploy.device.android.document import TfliteDelegation
from ghostdeploy.device.job import Job
from ghostdeploy.device.warmup import WarmUpRule
from tests.randomise import randomise_norms
from tests.runner.android_run import run_job
from tests.tools.tflite_cases import CASES
from tests.tools.tflite_check import Outcome, noise, run_module

MODEL_TOLERANCE = 1e-5      # relative, of Android's runtime against LiteRT on this machine
OPERATOR_TOLERANCE = 2e-6


def on_android(outcome: Outcome, path: Path, tolerance: float) -> None:
    """Run what was lowered; assert that it is one delegate, stable, and equal to LiteRT's output within `tolerance`."""
    path.write_bytes(outcome.lowered.data)
    job = Job(path, "tflite", "time", outcome.lowered.inputs, outcome.lowered.outputs, runs=2,
              warm_up=WarmUpRule(max_ns=0))
    x = outcome.x.transpose(0, 3, 1, 2) if outcome.lowered.inputs[0].layout == "nhwc" else outcome.x
    run, ended = run_job(job, "x86_64", [[x]])
    measured = ended.document.measured
    assert measured is not None
    assert isinstance(measured.delegation, TfliteDelegation)
    assert measured.delegation.outside == ()
    assert measured.delegation.fully_delegated
    assert measured.delegation.delegates == 1
    assert run.report.runtime.version == "2.14.0"
    assert run.report.timing is not None and run.report.timing.stable
    y = outcome.y.transpose(0, 3, 1, 2) if outcome.lowered.outputs[0].layout == "nhwc" else outcome.y
    for outputs in run.outputs:
        assert outputs[0].shape == y.shape
        assert np.abs(outputs[0] - y).max() <= tolerance * max(float(np.abs(y).max()), 1e-30)


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    module, shape = CASES[name]
    on_android(run_module(module, noise(*shape)), tmp_path / "case.tflite", OPERATOR_TOLERANCE)


def test_ghostnetv3(tmp_path: Path) -> None:
    model = randomise_norms(timm.create_model("ghostnetv3_050", pretrained=False)).eval()
    model = timm.utils.reparameterize_model(model)
    on_android(run_module(model, noise(1, 3, 224, 224)), tmp_path / "model.tflite", MODEL_TOLERANCE)
