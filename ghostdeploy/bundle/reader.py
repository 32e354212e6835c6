"""Opening a bundle: the manifest is validated and every file checked before anything is run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jsonschema import Draft202012Validator

from ghostdeploy import schemas
from ghostdeploy.bundle.staging import MANIFEST, sha256
from ghostdeploy.errors import BundleInvalid, FileMissing
from ghostdeploy.lowering.artifact import Format, Precision, TensorSpec
from ghostdeploy.preprocessing import Preprocessing


@dataclass(frozen=True)
class Artifact:
    """A model file of a bundle, as the manifest describes it."""

    file: Path
    format: Format
    precision: Precision
    sha256: str
    size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


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
        BundleInvalid: it holds no valid manifest, or a file is missing or differs from its sha256.
    """
    if not path.exists():
        raise FileMissing(f"no such bundle: {path}", "", "make one with `ghostdeploy export`")
    document = _manifest(path)
    artifacts = tuple(_artifact(path, entry) for entry in document["artifacts"])
    golden = Golden(*(_member(path, document["golden"][key]) for key in ("image", "input", "output")))
    prep = document["preprocessing"]
    labels = document["labels"]
    return Bundle(
        path=path, manifest=document, artifacts=artifacts, golden=golden,
        preprocessing=Preprocessing(prep["input_size"], prep["crop"], prep["interpolation"], tuple(prep["mean"]),
                                    tuple(prep["std"])),
        normalisation_inside=prep["normalisation_inside"], softmax_inside=prep["softmax_inside"],
        labels=None if labels is None else tuple(_member(path, labels["file"]).read_text().splitlines()),
    )


def _manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    if not file.is_file():
        raise BundleInvalid(f"{path} is no bundle", f"it has no {MANIFEST}", "make one with `ghostdeploy export`")
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BundleInvalid(f"cannot read {file}", str(error), "export the bundle again") from error
    problems = list(Draft202012Validator(schemas.manifest()).iter_errors(document))
    if problems:
        where = "/".join(str(p) for p in problems[0].absolute_path) or "the document"
        raise BundleInvalid(f"{file} is no valid manifest", f"{where}: {problems[0].message[:200]}",
                            "export the bundle again with this version of ghostdeploy")
    found: dict[str, Any] = document
    return found


def _member(root: Path, name: str) -> Path:
    """A file of the bundle; names cannot point outside it."""
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        raise BundleInvalid(f"the manifest of {root} names a file outside the bundle: {name}", "",
                            "do not use this bundle")
    if not (root / inside).is_file():
        raise BundleInvalid(f"{root} lacks {name}", "the manifest names it", "export the bundle again")
    return root / inside


def _artifact(root: Path, entry: dict[str, Any]) -> Artifact:
    file = _member(root, entry["file"])
    if sha256(file) != entry["sha256"]:
        raise BundleInvalid(f"{file} is not the file that was exported", "its sha256 differs from the manifest",
                            "export the bundle again")
    inputs, outputs = (tuple(TensorSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in entry[key])
                       for key in ("inputs", "outputs"))
    return Artifact(file, entry["format"], entry["precision"], entry["sha256"], entry["size"], inputs, outputs)
