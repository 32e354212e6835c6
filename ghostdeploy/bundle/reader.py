"""Opening a bundle: the manifest is validated and every file checked before anything is run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jsonschema import Draft202012Validator

from ghostdeploy import schemas
from ghostdeploy.bundle.staging import MANIFEST
from ghostdeploy.bundle.sums import SUMS, read_sums
from ghostdeploy.digest import sha256
from ghostdeploy.errors import BundleInvalid, FileMissing
from ghostdeploy.lowering.artifact import Delegation, Format, Precision, Stretch, TensorSpec
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.preprocessing import Preprocessing

AGAIN = "export the bundle again"


@dataclass(frozen=True)
class Artifact:
    """A model file of a bundle, as the manifest describes it.

    `half_arithmetic`: the runtime is to be asked to compute in half precision; the file alone does not say it.
    `limit`: the relative error that it may have, on every device alike; see `limit_for`. `stretches`: of a `.tflite`,
    which of its operators belong to which block of the model; empty in bundles of before 2026-11-29.
    """

    file: Path
    format: Format
    precision: Precision
    sha256: str
    size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    half_arithmetic: bool
    limit: float
    delegation: Delegation | None = None
    stretches: tuple[Stretch, ...] = ()

    @property
    def under_test(self) -> ArtifactUnderTest:
        """The file with what must be known to run it."""
        return ArtifactUnderTest(self.file, self.format, self.precision, self.inputs, self.outputs,
                                 self.half_arithmetic)


@dataclass(frozen=True)
class Golden:
    """One photo through the checkpoint. `input` is NCHW as the artifacts take it, `output` the checkpoint's own."""

    image: Path
    input: Path
    output: Path


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. `manifest` is the validated document; the fields are what the library works with."""

    path: Path
    manifest: dict[str, Any]
    artifacts: tuple[Artifact, ...]
    golden: Golden
    preprocessing: Preprocessing
    normalisation_inside: bool
    softmax_inside: bool
    labels: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.manifest["model"]["name"])

    @property
    def random_weights(self) -> bool:
        """True where outputs mean nothing and only latency may be quoted."""
        return bool(self.manifest["weights"]["kind"] == "random")


def open_bundle(path: Path) -> Bundle:
    """Open the bundle in directory `path`.

    Raises:
        FileMissing: there is no such directory.
        BundleInvalid: it holds no valid manifest, or a file is missing, leads outside or differs from its sha256.
    """
    if not path.exists():
        raise FileMissing(f"no such bundle: {path}", "", "make one with `ghostdeploy export`")
    document = _manifest(path)
    labels, prep = document["labels"], document["preprocessing"]
    artifacts = tuple(_artifact(path, entry) for entry in document["artifacts"])
    golden = Golden(*(_member(path, document["golden"][key]) for key in ("image", "input", "output")))
    _check_sums(path, _named(document), {artifact.file: artifact.sha256 for artifact in artifacts})
    return Bundle(
        path=path, manifest=document, artifacts=artifacts, golden=golden,
        preprocessing=Preprocessing(prep["input_size"], prep["crop"], prep["interpolation"], tuple(prep["mean"]),
                                    tuple(prep["std"])),
        normalisation_inside=prep["normalisation_inside"], softmax_inside=prep["softmax_inside"],
        labels=None if labels is None else _labels(path, labels),
    )


def _manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    if not file.is_file():
        raise BundleInvalid(f"{path} is no bundle", f"it has no {MANIFEST}", "make one with `ghostdeploy export`")
    try:
        document = json.loads(_member(path, MANIFEST).read_text(encoding="utf-8"))
        problem = next(Draft202012Validator(schemas.manifest()).iter_errors(document), None)
        why = None if problem is None else (f"{'/'.join(map(str, problem.absolute_path)) or 'the document'}: "
                                            f"{problem.message[:200]}")
    except (OSError, ValueError, RecursionError) as error:      # RecursionError: thousands of nested brackets
        raise BundleInvalid(f"cannot read {file}", str(error), AGAIN) from error
    if why is not None:
        raise BundleInvalid(f"{file} is no valid manifest", why,
                            "export the bundle again with this version of ghostdeploy")
    found: dict[str, Any] = document
    return found


def _member(root: Path, name: str) -> Path:
    """A file of the bundle; neither names nor links can point outside it."""
    inside = PurePosixPath(name)
    outside = inside.is_absolute() or ".." in inside.parts
    if not outside and not (root / inside).is_file():
        raise BundleInvalid(f"{root} lacks {name}", "an export writes it", AGAIN)
    if outside or not (root / inside).resolve().is_relative_to(root.resolve()):
        raise BundleInvalid(f"{root} names a file outside the bundle: {name}", "", "do not use this bundle")
    return root / inside


def _named(document: dict[str, Any]) -> list[str]:
    """Every file that the manifest names, itself included."""
    golden, labels = document["golden"], document["labels"]
    single = [golden[key] for key in ("image", "input", "output", "top5", "photo_outputs")]
    return [MANIFEST, *(entry["file"] for entry in document["artifacts"]), *single, *golden["photos"],
            *([] if labels is None else [labels["file"]])]


def _check_sums(root: Path, used: list[str], told: dict[Path, str]) -> None:
    """Every file of `SHA256SUMS` against its hash; `used` must be among them, and `told` (the manifest's) agree."""
    for name in (SUMS, *used):
        _member(root, name)
    try:
        sums = read_sums(root)
    except (OSError, ValueError) as error:
        raise BundleInvalid(f"cannot read {root / SUMS}", str(error), AGAIN) from error
    missing = [name for name in used if name not in sums]
    if missing:
        raise BundleInvalid(f"{root / SUMS} does not name {missing[0]}", "an export names every file", AGAIN)
    for name, expected in sums.items():
        file = _member(root, name)
        try:
            found = sha256(file)
        except OSError as error:
            raise BundleInvalid(f"cannot read {file}", str(error), "check its permissions") from error
        if found != expected:
            raise BundleInvalid(f"{file} is not the file that was exported", f"its sha256 differs from {SUMS}", AGAIN)
        if told.get(file, expected) != expected:
            raise BundleInvalid(f"{file} is not the file that was exported", "its sha256 differs from the manifest",
                                AGAIN)


def _labels(root: Path, entry: dict[str, Any]) -> tuple[str, ...]:
    file = _member(root, entry["file"])
    try:
        names = tuple(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise BundleInvalid(f"cannot read {file} as text", str(error), AGAIN) from error
    if len(names) != entry["count"]:
        raise BundleInvalid(f"{file} has {len(names)} labels", f"the manifest says {entry['count']}", AGAIN)
    return names


def _artifact(root: Path, entry: dict[str, Any]) -> Artifact:
    inputs, outputs = (tuple(TensorSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in entry[key])
                       for key in ("inputs", "outputs"))
    return Artifact(_member(root, entry["file"]), entry["format"], entry["precision"], entry["sha256"], entry["size"],
                    inputs, outputs, entry.get("arithmetic", {}).get("by") == "runtime",
                    entry["parity"]["limit"],
                    None if entry["delegation"] is None else Delegation(**entry["delegation"]),
                    tuple(Stretch(**each) for each in entry.get("blocks", ())))
