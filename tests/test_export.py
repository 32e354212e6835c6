"""The whole way, as a user goes it: a checkpoint of one's own architecture becomes a proven bundle."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ghostdeploy.bundle import open_bundle
from ghostdeploy.bundle.sums import listing
from ghostdeploy.errors import DelegationTooLow, LabelsMismatch, UsageError
from ghostdeploy.exporter import export
from ghostdeploy.verification import verify
from tests.commands import ghostdeploy
from tests.tiny import CLASSES, factory


def test_command_line_export(tiny_checkpoint: Path, tiny_labels: Path, tmp_path: Path) -> None:
    ended = ghostdeploy("export", "--target", "android", "--model", "tests.tiny:factory",
                        "--checkpoint", tiny_checkpoint,
                        "--labels", tiny_labels, "--input-size", "64", "--format", "pte,tflite,onnx", "--json",
                        "--require-delegation", "1.0", "-o", tmp_path / "out")
    assert ended.code == 0, ended.stderr
    document = ended.json
    assert document["manifest"] == json.loads((tmp_path / "out" / "manifest.json").read_text())
    artifacts = {a["format"]: a for a in document["manifest"]["artifacts"]}
    assert set(artifacts) == {"pte", "tflite", "onnx"}
    assert artifacts["pte"]["delegation"]["delegates"] == artifacts["tflite"]["delegation"]["delegates"] == 1
    for artifact in artifacts.values():
        assert artifact["parity"]["max_rel_error"] < 1e-5
        assert artifact["parity"]["top1_agreement"] == 1
    fusion = document["manifest"]["fusion"]
    assert fusion["norms_before"] == 5 and fusion["norms_after"] == 0
    assert fusion["convs_before"] == 5 and fusion["convs_after"] == 4
    assert document["manifest"]["weights"]["kind"] == "checkpoint"


def test_the_golden_output_is_the_checkpoints_own(tiny_bundle: Path) -> None:
    """Recomputed here from the PNG by hand, with torch alone."""
    bundle = open_bundle(tiny_bundle)
    prep = bundle.preprocessing
    tensor = torch.from_numpy(np.load(bundle.golden.input))
    from PIL import Image

    stored = np.asarray(Image.open(bundle.golden.image), dtype=np.float32) / 255
    pixels = torch.from_numpy(stored).permute(2, 0, 1)[None]
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (prep.mean, prep.std))
    torch.testing.assert_close(tensor, (pixels - mean) / std)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(np.load(bundle.golden.output)), factory()(tensor))


def test_a_card_and_android_sources_are_there(tiny_bundle: Path) -> None:
    card = (tiny_bundle / "MODEL_CARD.md").read_text()
    assert "Tiny" in card and "model.fp32.pte" in card and "{{" not in card
    for name in ("ExecuTorchClassifier.kt", "LiteRtClassifier.kt", "build.gradle.kts.snippet"):
        text = (tiny_bundle / "android" / name).read_text()
        assert "{%" not in text and "{{" not in text
        assert "64" in text or name.endswith("snippet")


def test_random_weights_are_labelled_everywhere(tmp_path: Path) -> None:
    ended = ghostdeploy("export", "--model", "tests.tiny:factory", "--random-weights", "--input-size", "32", "--format",
                        "tflite", "-o", tmp_path / "out")
    assert ended.code == 0, ended.stderr
    assert "Random weights" in ended.stdout
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["weights"]["kind"] == "random"
    assert "Random weights" in (tmp_path / "out" / "MODEL_CARD.md").read_text()


def test_without_a_checkpoint_it_refuses(tmp_path: Path) -> None:
    ended = ghostdeploy("export", "--model", "ghostnetv3_100", "-o", tmp_path / "out")
    ended.assert_clean_error("weights-missing", 3)
    assert "--random-weights" in ended.stderr
    assert os.listdir(tmp_path) == []


def test_embedded_preprocessing_is_exact_at_the_borders(tmp_path: Path) -> None:
    """The artifact is fed plain pixels; the yardstick normalises outside and applies softmax in torch."""
    bundle = export(factory(), tmp_path / "out", input_size=48, embed_preprocessing=True)
    assert bundle.normalisation_inside and bundle.softmax_inside
    for artifact in bundle.manifest["artifacts"]:
        assert artifact["parity"]["max_rel_error"] < 1e-5
    output = np.load(bundle.golden.output)
    assert output.sum() == pytest.approx(1, abs=1e-5)
    pixels = np.load(bundle.golden.input)
    assert pixels.min() >= 0 and pixels.max() <= 1
    with torch.no_grad():
        expected = torch.softmax(factory()(torch.from_numpy(bundle.preprocessing.normalise(pixels))), -1)
    np.testing.assert_allclose(output, expected.numpy(), rtol=1e-5)


def test_half_precision_weights(tmp_path: Path, tiny_bundle: Path) -> None:
    """Callers keep float32 at the border. Only the .tflite is smaller: ExecuTorch widens convolution weights again."""
    bundle = export(factory(), tmp_path / "out", input_size=64, precisions=("fp16",))
    for artifact in bundle.artifacts:
        assert artifact.precision == "fp16"
        assert artifact.inputs[0].dtype == artifact.outputs[0].dtype == "float32"
    half = next(artifact for artifact in bundle.artifacts if artifact.format == "tflite")
    assert half.size < (tiny_bundle / "model.fp32.tflite").stat().st_size


class WithErf(nn.Module):
    """An operator in the middle that XNNPACK lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, CLASSES, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.erf(self.first(x))).mean((2, 3))


def test_required_delegation_fails_with_exit_5_and_names_the_operator(tmp_path: Path) -> None:
    with pytest.raises(DelegationTooLow, match="delegated") as caught:
        export(WithErf().eval(), tmp_path / "out", formats=("pte",), input_size=32, require_delegation=1.0)
    assert "erf" in caught.value.why and caught.value.exit_code == 5
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("options", [{"formats": ("coreml",)}, {"formats": ()}, {"precisions": ("int8",)},
                                     {"require_delegation": 2.0}])
def test_impossible_plans_are_refused_before_work(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        export(factory(), tmp_path / "out", **options)  # type: ignore[arg-type]


def test_labels_must_fit(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n")
    with pytest.raises(LabelsMismatch, match="2 labels and the model 7 classes"):
        export(factory(), tmp_path / "out", input_size=32, labels=labels)
    assert not (tmp_path / "out").exists()


def test_verify_proves_a_bundle_again(tiny_bundle: Path) -> None:
    ended = ghostdeploy("verify", tiny_bundle, "--json")
    assert ended.code == 0, ended.stderr
    assert [a["format"] for a in ended.json["artifacts"]] == ["pte", "tflite"]
    assert all(a["parity"]["max_rel_error"] < 1e-5 for a in ended.json["artifacts"])


def test_verify_notices_a_wrong_artifact(tiny_bundle: Path, tmp_path: Path) -> None:
    """Another model's file under a manifest that was made to match it: only running it can tell."""
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(tiny_bundle), str(copy)], check=True)
    torch.manual_seed(1)
    other = factory()
    with torch.no_grad():
        other.head.weight.mul_(1.001)  # type: ignore[union-attr]
    wrong = export(other, tmp_path / "wrong", input_size=64).artifacts
    manifest = json.loads((copy / "manifest.json").read_text())
    for entry, artifact in zip(manifest["artifacts"], wrong, strict=True):
        entry["sha256"] = artifact.sha256
        (copy / entry["file"]).write_bytes(artifact.file.read_bytes())
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (copy / "SHA256SUMS").write_text(listing(copy))
    ghostdeploy("verify", copy).assert_clean_error("parity-failed", 5)


def test_verify_on_images_of_ones_own(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from skimage import data, io

    (tmp_path / "photos").mkdir()
    io.imsave(tmp_path / "photos" / "one.png", data.chelsea())
    made = ghostdeploy("export", "--model", "tests.tiny:factory", "--checkpoint", tiny_checkpoint, "--input-size", "64",
                       "--format", "tflite", "-o", tmp_path / "out")
    assert made.code == 0, made.stderr
    ghostdeploy("verify", tmp_path / "out", "--images", tmp_path / "photos").assert_clean_error("usage", 2)
    ended = ghostdeploy("verify", tmp_path / "out", "--images", tmp_path / "photos", "--checkpoint", tiny_checkpoint,
                        "--model", "tests.tiny:factory", "--json")
    assert ended.code == 0, ended.stderr
    assert ended.json["inputs"] == ["one.png"]


def test_python_verbs(tiny_bundle: Path) -> None:
    import ghostdeploy as package

    assert package.verify is verify and package.export is export
    fused = package.fuse(factory(), torch.randn(1, 3, 32, 32))
    assert fused.report.norms_after == 0
