"""Proving a bundle again: every artifact in its real runtime, against what the checkpoint answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ghostdeploy import device as devices
from ghostdeploy.bundle import Artifact, Bundle, open_bundle
from ghostdeploy.device.base import Device
from ghostdeploy.device.records import to_json
from ghostdeploy.errors import BundleInvalid, CheckpointMismatch, UsageError
from ghostdeploy.parity import ArtifactUnderTest, Parity, check, limit_for
from ghostdeploy.photos import from_directory
from ghostdeploy.preprocessing import open_image
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.reference import reference
from ghostdeploy.tensors import FloatArray


@dataclass(frozen=True)
class Verified:
    """One artifact's parity."""

    artifact: Artifact
    parity: Parity


@dataclass(frozen=True)
class Verification:
    """Parity of every artifact of a bundle, on `names` (photos), on `device`."""

    bundle: Bundle
    device: str
    names: tuple[str, ...]
    items: tuple[Verified, ...]

    def as_dict(self) -> dict[str, Any]:
        """What `verify --json` prints."""
        return {"bundle": str(self.bundle.path), "device": self.device, "inputs": list(self.names),
                "artifacts": [{"file": item.artifact.file.name, "format": item.artifact.format,
                               "precision": item.artifact.precision, "parity": to_json(item.parity)}
                              for item in self.items]}


@dataclass(frozen=True)
class Truth:
    """Inputs as the artifacts take them, [N, 3, H, W], and the checkpoint's outputs, [N, classes]."""

    source: str
    names: tuple[str, ...]
    inputs: FloatArray
    outputs: FloatArray


def verify(bundle: str | Path | Bundle, images: str | Path | None = None, device: str = "local", *,
           checkpoint: str | Path | None = None, weights: Literal["auto", "raw", "ema"] = "auto",
           model: str | None = None, progress: Progress = SILENT) -> Verification:
    """Run every artifact of a bundle and compare it with the checkpoint.

    Without `images` the photos inside the bundle serve, whose outputs by the checkpoint were stored at export. With
    `images`, a directory, the checkpoint itself must be at hand: it is asked what it answers on them.

    Raises:
        FileMissing, BundleInvalid, ImageUnreadable: see `open_bundle` and `from_directory`.
        UsageError: `images` without `checkpoint`.
        CheckpointMismatch: the checkpoint is not the one that was exported.
        ParityFailed: an artifact does not compute what the checkpoint does.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(Path(bundle))
    runs_on = devices.find(device)
    truth = _stored(opened) if images is None else _asked(opened, Path(images), checkpoint, weights, model)
    items = []
    for artifact in opened.artifacts:
        progress.stage(f"run {artifact.file.name} on {len(truth.names)} photos")
        items.append(Verified(artifact, _check(opened, artifact, truth, runs_on)))
    return Verification(opened, device, truth.names, tuple(items))


def _check(bundle: Bundle, artifact: Artifact, truth: Truth, device: Device) -> Parity:
    subject = ArtifactUnderTest(artifact.file, artifact.format, artifact.precision, artifact.inputs, artifact.outputs)
    limit = limit_for(artifact.precision, bundle.manifest["fusion"]["noise"])
    parity = check(subject, truth.inputs, truth.outputs, device, limit=limit, names=truth.names, source=truth.source)
    parity.enforce(artifact.file.name)
    return parity


def _as_taken(bundle: Bundle, pixels: FloatArray) -> FloatArray:
    return pixels if bundle.normalisation_inside else bundle.preprocessing.normalise(pixels)


def _stored(bundle: Bundle) -> Truth:
    """The golden photos: their PNGs hold the cropped pixels exactly."""
    golden = bundle.manifest["golden"]
    images = [open_image(bundle.path / name) for name in golden["photos"]]
    pixels = np.stack([np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255) for image in images])
    try:
        outputs = np.load(bundle.path / golden["photo_outputs"], allow_pickle=False)
        first = np.load(bundle.golden.input, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleInvalid(f"the golden files of {bundle.path} cannot be read", str(error), "export again") from error
    inputs = _as_taken(bundle, pixels)
    if len(outputs) != len(inputs) or first.shape != inputs[:1].shape or not np.array_equal(first, inputs[:1]):
        raise BundleInvalid(f"the golden files of {bundle.path} do not belong together", "", "export again")
    return Truth("golden photos of the bundle", tuple(Path(name).stem for name in golden["photos"]), inputs, outputs)


def _asked(bundle: Bundle, images: Path, checkpoint: str | Path | None, weights: Literal["auto", "raw", "ema"],
           model: str | None) -> Truth:
    from ghostdeploy.loading import load

    if checkpoint is None:
        raise UsageError("--images needs --checkpoint", "only the checkpoint can say what the right answers are",
                         "add --checkpoint FILE, or leave --images out to use the photos inside the bundle")
    loaded = load(checkpoint, model=model or bundle.manifest["model"]["card"], weights=weights)
    if loaded.weights.sha256 != bundle.manifest["weights"]["sha256"]:
        raise CheckpointMismatch(f"{checkpoint} is not the checkpoint of this bundle",
                                 "its sha256 differs from the manifest's", "give the file that was exported")
    as_exported = replace(loaded, preprocessing=bundle.preprocessing)    # its input size may not be the card's own
    truth = reference(as_exported, from_directory(images), embedded=bundle.softmax_inside)
    return Truth(f"images of {images}", truth.names, _as_taken(bundle, truth.pixels), truth.outputs)
