"""Proving a bundle again: every artifact in its real runtime, against what the checkpoint answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ghostdeploy.bundle import Artifact, Bundle, open_bundle
from ghostdeploy.device import lookup
from ghostdeploy.device.base import ArtifactKind, Device
from ghostdeploy.device.records import to_json
from ghostdeploy.device.suitable import that_run_on
from ghostdeploy.errors import BundleInvalid, CheckpointMismatch, UsageError
from ghostdeploy.parity import Parity, check
from ghostdeploy.photos import from_directory
from ghostdeploy.preprocessing import open_image
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.tensors import FloatArray

if TYPE_CHECKING:
    from ghostdeploy.checkpoint.unwrap import WeightsChoice
    from ghostdeploy.model import Model


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
           checkpoint: str | Path | None = None, weights: WeightsChoice = "auto",
           model: str | None = None, runtime: str | Path | None = None, progress: Progress = SILENT) -> Verification:
    """Run every artifact of a bundle and compare it with the checkpoint.

    Without `images` the photos inside the bundle serve, whose outputs by the checkpoint were stored at export; given
    the `checkpoint`, it is asked again. With `images`, a directory, it must be at hand, to be asked what it answers on
    them. The copy of the weights that was exported is taken. `device` may be a phone's serial, `runtime` a library
    (.so, .aar) to run there instead of the pinned one; artifacts of a format that it does not take are left out.

    Raises:
        FileMissing, BundleInvalid, ImageUnreadable: see `open_bundle` and `from_directory`.
        UsageError: `images`, `model` or `weights` without `checkpoint`; `weights` is not the copy that was exported.
        CheckpointMismatch: the checkpoint is not the one that was exported.
        ParityFailed: an artifact does not compute what the checkpoint does.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(Path(bundle))
    if checkpoint is None:
        _nothing_for_a_checkpoint(images, weights, model)
        truth = _stored(opened)
    else:
        progress.stage("ask the checkpoint")
        loaded = _loaded(opened, Path(checkpoint), weights, model)
        truth = _asked_again(opened, loaded) if images is None else _asked(opened, loaded, Path(images))
    items = []
    with lookup.opened(device, None if runtime is None else Path(runtime)) as runs_on:
        taken = that_run_on(runs_on, opened.artifacts, _kind, progress)
        runs_on.prepare([(artifact.file, artifact.format) for artifact in taken])
        for artifact in taken:
            progress.stage(f"run {artifact.file.name} on {len(truth.names)} photos")
            items.append(Verified(artifact, _check(artifact, truth, runs_on)))
    return Verification(opened, device, truth.names, tuple(items))


def _kind(artifact: Artifact) -> ArtifactKind:
    return ArtifactKind(artifact.file.name, artifact.format, artifact.precision)


def _check(artifact: Artifact, truth: Truth, device: Device) -> Parity:
    subject = artifact.under_test
    parity = check(subject, truth.inputs, truth.outputs, device, limit=artifact.limit, names=truth.names,
                   source=truth.source)
    parity.enforce(artifact.file.name)
    return parity


def _as_taken(bundle: Bundle, pixels: FloatArray) -> FloatArray:
    return pixels if bundle.normalisation_inside else bundle.preprocessing.normalise(pixels)


def _nothing_for_a_checkpoint(images: str | Path | None, weights: str, model: str | None) -> None:
    """Without a checkpoint, refuse what only a checkpoint could make use of."""
    if images is not None:
        raise UsageError("--images needs --checkpoint", "only the checkpoint can say what the right answers are",
                         "add --checkpoint FILE, or leave --images out to use the photos inside the bundle")
    if model is not None or weights != "auto":
        raise UsageError(f"--{'weights' if model is None else 'model'} needs --checkpoint",
                         "the answers stored in the bundle serve otherwise", "add --checkpoint FILE, or leave it out")


def _loaded(bundle: Bundle, checkpoint: Path, weights: WeightsChoice, model: str | None) -> Model:
    """The checkpoint of `bundle`, and of the copies inside it the one that was exported."""
    from ghostdeploy.checkpoint.read import digest
    from ghostdeploy.loading import load

    exported = bundle.manifest["weights"]
    if digest(checkpoint) != exported["sha256"]:
        raise CheckpointMismatch(f"{checkpoint} is not the checkpoint of this bundle",
                                 "its sha256 differs from the manifest's", "give the file that was exported")
    copy: WeightsChoice = "ema" if exported["ema"] else "raw"
    if weights not in ("auto", copy):
        raise UsageError(f"--weights {weights} contradicts the bundle", f"it was exported from the {copy} copy",
                         "leave --weights out")
    return load(checkpoint, model=model or bundle.manifest["model"]["card"], weights=copy)


def _golden_pixels(bundle: Bundle) -> FloatArray:
    """The golden photos as [N, 3, H, W] in 0..1: their PNGs hold the cropped pixels exactly."""
    images = [open_image(bundle.path / name) for name in bundle.manifest["golden"]["photos"]]
    return np.stack([np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255) for image in images])


def _stored(bundle: Bundle) -> Truth:
    """The golden photos and what the checkpoint answered on them at export."""
    golden, pixels = bundle.manifest["golden"], _golden_pixels(bundle)
    try:
        outputs = np.load(bundle.path / golden["photo_outputs"], allow_pickle=False)
        first = np.load(bundle.golden.input, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleInvalid(f"the golden files of {bundle.path} cannot be read", str(error), "export again") from error
    inputs = _as_taken(bundle, pixels)
    if len(outputs) != len(inputs) or first.shape != inputs[:1].shape or not np.array_equal(first, inputs[:1]):
        raise BundleInvalid(f"the golden files of {bundle.path} do not belong together", "", "export again")
    return Truth("golden photos of the bundle", tuple(Path(name).stem for name in golden["photos"]), inputs, outputs)


def _asked_again(bundle: Bundle, loaded: Model) -> Truth:
    """The golden photos, with what the checkpoint answers now in place of what was stored."""
    from ghostdeploy.reference import answers  # torch, which a bundle by itself does not need: 2 of 2.5 s

    stored, pixels = _stored(bundle), _golden_pixels(bundle)
    outputs = answers(loaded.module, bundle.preprocessing.normalise(pixels), softmax=bundle.softmax_inside)
    return replace(stored, source=f"{stored.source}, the checkpoint asked again", outputs=outputs)


def _asked(bundle: Bundle, loaded: Model, images: Path) -> Truth:
    from ghostdeploy.reference import reference

    as_exported = replace(loaded, preprocessing=bundle.preprocessing)    # its input size may not be the card's own
    truth = reference(as_exported, from_directory(images), embedded=bundle.softmax_inside)
    return Truth(f"images of {images}", truth.names, _as_taken(bundle, truth.pixels), truth.outputs)
