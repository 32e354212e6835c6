"""Half-precision arithmetic of .tflite in the phones' runtime: real, near enough, named, and not there on old CPUs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from ghostdeploy.bundle import manifest
from ghostdeploy.device.arm_instructions import attribute
from ghostdeploy.device.half_arithmetic import arithmetic, can_compute_half
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import ArtifactRejected, GhostdeployError
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Lowered
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.parity import limit_for
from ghostdeploy.simulation import HalfPrecision, simulated_error
from ghostdeploy.trace import trace
from tests.runner.android_run import run_job
from tests.small_artifacts import SIZE, answers, images, network

HAS, HAS_NOT = "cortex-a76", "cortex-a53"


@dataclass(frozen=True)
class Half:
    """An artifact with float16 weights, and how far it may err."""

    path: Path
    lowered: Lowered
    limit: float


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Half:
    """The small network with float16 weights."""
    example = torch.zeros(1, 3, SIZE, SIZE)
    graph = fuse(network(), example).module
    lowered = lower_tflite(graph, example, precision="fp16")
    path = tmp_path_factory.mktemp("half") / "small.fp16.tflite"
    path.write_bytes(lowered.data)
    simulated = simulated_error(HalfPrecision(graph).of, images(3), answers(images(3)))
    return Half(path, lowered, limit_for("fp16", simulated=simulated))


def job(half: Half, wanted: bool) -> Job:
    return Job(half.path, "tflite", "infer", half.lowered.inputs, half.lowered.outputs, half_arithmetic=wanted)


def test_parity_and_that_it_is_half(half: Half) -> None:
    samples = [(image[None],) for image in images(3)]
    outputs = {}
    for wanted in (False, True):
        run, _ = run_job(job(half, wanted), "arm64-v8a", samples, HAS)
        assert run.report.half_arithmetic is wanted
        outputs[wanted] = np.concatenate([sample[0] for sample in run.outputs])
    truth = answers(images(3))
    errors = {wanted: float(np.abs(found - truth).max() / np.abs(truth).max()) for wanted, found in outputs.items()}
    assert errors[False] < errors[True] < half.limit
    assert np.array_equal(outputs[True].argmax(1), truth.argmax(1))


@pytest.mark.parametrize("largest", [2, 900])
def test_large_values_are_normalised(largest: int, tmp_path: Path) -> None:
    """Squares beyond 256 are infinite in half precision; the file's own words keep what is squared below that."""
    torch.manual_seed(0)
    module, x = torch.nn.LayerNorm(64, 1e-6), torch.randn(1, 7, 64)
    x = x / x.abs().max() * largest
    made = lower_tflite(trace(module, x), x, precision="fp16")
    path = tmp_path / "norm.tflite"
    path.write_bytes(made.data)
    run, _ = run_job(Job(path, "tflite", "infer", made.inputs, made.outputs, half_arithmetic=True), "arm64-v8a",
                     [(x.numpy(),)], HAS)
    with torch.no_grad():
        assert np.abs(run.outputs[0][0] - module(x).numpy()).max() < 0.02


def test_it_halves_the_multiplications(tmp_path: Path) -> None:
    convolution, example = torch.nn.Conv2d(32, 64, 1).eval(), torch.zeros(1, 32, 28, 28)
    path = tmp_path / "convolution.tflite"
    path.write_bytes(lower_tflite(trace(convolution, example), example, precision="fp16").data)
    whole = attribute(path, "tflite", cpu=HAS)
    halved = attribute(path, "tflite", cpu=HAS, half_arithmetic=True)
    assert halved.instructions.half_arithmetic and not whole.instructions.half_arithmetic
    assert 0.49 < halved.by_class["fma by lane"] / whole.by_class["fma by lane"] < 0.52


def test_an_old_cpu_refuses_it_and_runs_the_file_in_float32(half: Half) -> None:
    samples = [(images(1),)]
    with pytest.raises(GhostdeployError) as caught:
        run_job(job(half, True), "arm64-v8a", samples, HAS_NOT)
    assert isinstance(caught.value, ArtifactRejected)
    run, _ = run_job(job(half, False), "arm64-v8a", samples, HAS_NOT)
    assert not run.report.half_arithmetic
    assert np.abs(run.outputs[0][0] - answers(images(1))).max() < half.limit * np.abs(answers(images(1))).max()


def test_this_machine_computes_in_float32_and_says_so(half: Half) -> None:
    assert LocalDevice().run(job(half, True), [(images(1),)]).report.half_arithmetic is False


def test_the_manifest_names_it() -> None:
    assert manifest.arithmetic("tflite", "fp16") == arithmetic("tflite", "fp16")
    found = arithmetic("tflite", "fp16")
    assert found is not None and found.by == "runtime" and found.cpu_features == ("asimdhp",)
    inside = arithmetic("pte", "fp16")
    assert inside is not None and inside.by == "file"
    assert arithmetic("tflite", "fp32") is None and arithmetic("onnx", "fp16") is None
    assert can_compute_half(["asimd", "asimdhp"]) and not can_compute_half(["asimd"])
