"""What is measured: an artifact of a bundle with its golden tensors, or a bare file with a photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ghostdeploy.benchmark import photo_input
from ghostdeploy.benchmark.result import MeasuredModel
from ghostdeploy.benchmark.sniffing import sniff
from ghostdeploy.bundle import Bundle, open_bundle
from ghostdeploy.bundle.reader import Artifact
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.digest import sha256
from ghostdeploy.errors import BundleInvalid, FileMissing, FileUnreadable
from ghostdeploy.lowering.artifact import Format, Stretch, TensorSpec


@dataclass(frozen=True)
class Golden:
    """What the artifact must answer: the checkpoint's own output, and the relative error that it may have."""

    output: Array
    limit: float


@dataclass(frozen=True)
class Subject:
    """One artifact, ready to be measured. `sample` holds each input in the library's order (NCHW).

    `half_arithmetic` is how the manifest wants it run; a bare file says nothing, and is run as it is. `stretches` says
    which operators of a `.tflite` belong to which block of the model, where the manifest does.
    """

    path: Path
    model: MeasuredModel
    inputs: tuple[TensorSpec, ...] | None
    outputs: tuple[TensorSpec, ...] | None
    sample: tuple[Array, ...] = field(repr=False)
    input: str
    golden: Golden | None = field(repr=False)
    half_arithmetic: bool = False
    stretches: tuple[Stretch, ...] = ()


def subjects(path: Path) -> tuple[Subject, ...]:
    """Every artifact of the bundle `path`, or the one bare file `path`.

    Raises:
        FileMissing, BundleInvalid: see `open_bundle`.
        ArtifactRejected: a bare file that no runtime of ours takes.
    """
    if not path.exists():
        raise FileMissing(f"no such bundle or artifact: {path}", "", "make one with `ghostdeploy export`")
    if path.is_dir():
        bundle = open_bundle(path)
        return tuple(_of_bundle(bundle, artifact) for artifact in bundle.artifacts)
    return (bare(path, sniff(path)),)


def bare(path: Path, format: Format) -> Subject:
    """A file without a manifest: its own word on its inputs is taken, and there is nothing to compare outputs with.

    Opened once on this machine for its input specs, with no input at all.

    Raises:
        ArtifactRejected, RunnerFailed: it does not load.
    """
    report = LocalDevice().run(Job(path, format, "infer"), ()).report
    sample, source = photo_input.sample(report.inputs)
    model = MeasuredModel(path.name, None, path.name, path.stat().st_size, _hash(path), format, None, "unknown",
                          report.inputs)
    return Subject(path, model, report.inputs, report.outputs, sample, source, None)


def _of_bundle(bundle: Bundle, artifact: Artifact) -> Subject:
    model = MeasuredModel(bundle.name, bundle.path.resolve().name, artifact.file.name, artifact.size, artifact.sha256,
                          artifact.format, artifact.precision, bundle.manifest["weights"]["kind"], artifact.inputs,
                          bundle.manifest["model"]["card"], artifact.delegation)
    golden = Golden(_tensor(bundle.golden.output), artifact.limit)
    return Subject(artifact.file, model, artifact.inputs, artifact.outputs, (_tensor(bundle.golden.input),),
                   f"golden input of the bundle ({bundle.golden.image.name})", golden, artifact.half_arithmetic,
                   artifact.stretches)


def _tensor(path: Path) -> Array:
    try:
        array: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleInvalid(f"cannot read {path}", str(error), "export the bundle again") from error
    return array


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check its permissions") from error
