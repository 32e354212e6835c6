"""The phone's programs with the real Android runtimes give what the desktop runtimes give, on both ABIs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from ghostdeploy import photos
from ghostdeploy.device.android.document import ExecutorchDelegation, TfliteDelegation
from ghostdeploy.device.android.pinned import ABIS, Abi
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.lowering.artifact import Format, Lowered
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.trace import trace
from tests.randomise import randomise_norms
from tests.runner.android_run import run_job
from tests.small_artifacts import answers, channels_last_pte, images, small

TOLERANCE = 1e-5    # relative to the largest output, of a phone's runtime against this machine's
MODELS = {"ghostnetv3_100": 224, "mobilenetv2_100": 224, "tf_efficientnet_lite0": 224}


@pytest.mark.parametrize("abi", ABIS)
@pytest.mark.parametrize("format", ["pte", "tflite"])
def test_every_photo_of_one_process(abi: Abi, format: Format) -> None:
    artifact, photos_in = small(format), images()
    job = Job(artifact.path, format, "infer", artifact.inputs, artifact.outputs)
    run, _ = run_job(job, abi, [[x[None]] for x in photos_in])
    expected = answers(photos_in)
    assert len(run.outputs) == len(photos_in)
    assert (run.report.inputs, run.report.outputs) == (artifact.inputs, artifact.outputs)
    for got, wanted in zip(run.outputs, expected, strict=True):
        assert np.abs(got[0][0] - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("abi", ABIS)
def test_a_program_in_channels_last_order(abi: Abi) -> None:
    local = LocalDevice().run(Job(channels_last_pte(), "pte", "infer"), [[images(1)]])
    assert local.report.inputs[0].layout == "channels_last"
    run, _ = run_job(Job(channels_last_pte(), "pte", "infer", local.report.inputs), abi, [[images(1)]])
    assert run.report.inputs[0].layout == "channels_last"
    assert np.abs(run.outputs[0][0] - local.outputs[0][0]).max() <= TOLERANCE * np.abs(local.outputs[0][0]).max()


@pytest.fixture(scope="module", params=MODELS)
def lowered(request: pytest.FixtureRequest) -> tuple[dict[Format, Lowered], torch.Tensor]:
    """A model with random weights and random norms, in both formats, and a photo for it."""
    size = MODELS[request.param]
    model = randomise_norms(timm.create_model(request.param, pretrained=False)).eval()
    model = timm.utils.reparameterize_model(model)     # by timm: fusion has tests of its own, and takes longer
    photo = torch.from_numpy(Preprocessing(input_size=size).tensor(photos.real_photos()[0].image))
    graph = trace(model, photo)
    return {"pte": lower_pte(graph, photo), "tflite": lower_tflite(graph, photo)}, photo


@pytest.mark.parametrize("abi", ABIS)
@pytest.mark.parametrize("format", ["pte", "tflite"])
def test_a_real_model(lowered: tuple[dict[Format, Lowered], torch.Tensor], abi: Abi, format: Format,
                      tmp_path: Path) -> None:
    artifact, photo = lowered[0][format], lowered[1].numpy()
    path = tmp_path / f"model.{format}"
    path.write_bytes(artifact.data)
    local = LocalDevice().run(Job(path, format, "infer", artifact.inputs, artifact.outputs), [[photo]])
    job = Job(path, format, "time", artifact.inputs, artifact.outputs, runs=1)
    run, ended = run_job(_cold(job), abi, [[photo]])
    wanted = local.outputs[0][0]
    assert np.abs(wanted).max() > 0
    for output in run.outputs:      # of the first run and of the last
        assert np.abs(output[0] - wanted).max() <= TOLERANCE * np.abs(wanted).max()
    assert run.report.timing is not None and run.report.timing.stable
    measured = ended.document.measured
    assert measured is not None
    assert isinstance(measured.delegation, TfliteDelegation | ExecutorchDelegation)
    assert measured.delegation.fully_delegated
    assert measured.delegation.delegates == 1


def _cold(job: Job) -> Job:
    """Without warm-up: an inference under qemu takes seconds."""
    return dataclasses.replace(job, warm_up=dataclasses.replace(job.warm_up, max_ns=0))
