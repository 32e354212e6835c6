"""`manifest.json`: what a bundle says about itself, version 1 (schemas/manifest.schema.json)."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ghostdeploy.bundle.labels import Labels
from ghostdeploy.cost import Cost
from ghostdeploy.device.half_arithmetic import arithmetic
from ghostdeploy.device.records import to_json
from ghostdeploy.digest import sha256
from ghostdeploy.fusion import FusionReport
from ghostdeploy.lowering.artifact import Format, Lowered
from ghostdeploy.model import Model
from ghostdeploy.parity import Parity
from ghostdeploy.plan import Plan
from ghostdeploy.quantisation.quality import Quality
from ghostdeploy.reference import Reference
from ghostdeploy.version import VERSION

SCHEMA_VERSION = 1
TOOLS = ("torch", "executorch", "ai-edge-litert", "onnx", "onnxsim", "onnxruntime", "timm", "torchvision", "numpy")

# The package on this machine whose runtime answers in the parity check (device/runtimes).
VERIFIERS: dict[Format, str] = {"pte": "executorch", "tflite": "ai-edge-litert", "onnx": "onnxruntime"}


@dataclass(frozen=True)
class GoldenFiles:
    """Names of the golden files inside the bundle."""

    image: str
    input: str
    output: str
    top5: str
    photos: tuple[str, ...]
    photo_outputs: str


def artifact(file: Path, lowered: Lowered, parity: Parity, quality: Quality | None = None) -> dict[str, Any]:
    """The entry of one artifact, from the file as written."""
    computed = arithmetic(lowered.format, lowered.precision)
    return {
        "file": file.name, "format": lowered.format, "precision": lowered.precision, "sha256": sha256(file),
        "size": file.stat().st_size,
        "inputs": [dataclasses.asdict(spec) for spec in lowered.inputs],
        "outputs": [dataclasses.asdict(spec) for spec in lowered.outputs],
        "runtime": runtime(lowered),
        "delegation": None if lowered.delegation is None else dataclasses.asdict(lowered.delegation),
        "parity": to_json(parity),
        "passes": dict(lowered.passes),
        **({"blocks": [dataclasses.asdict(each) for each in lowered.stretches]} if lowered.stretches else {}),
        **({} if computed is None else {"arithmetic": to_json(computed)}),
        **({} if quality is None else {"quantisation": quality.as_dict()}),
    }


def runtime(lowered: Lowered) -> dict[str, Any]:
    """What an artifact needs, and the package that ran it here. Packages count their versions each by itself."""
    package = VERIFIERS[lowered.format]
    return {"name": lowered.runtime.name, "minimum": lowered.runtime.minimum,
            "verified": {"package": package, "version": version(package)}}


def document(model: Model, plan: Plan, truth: Reference, fusion: FusionReport, deployed: Cost,
             labels: Labels | None, golden: GoldenFiles, artifacts: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole manifest as a JSON-ready dictionary."""
    prep, card, weights, profile = model.preprocessing, model.card, model.weights, plan.profile
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "target": plan.target,
        "profile": {"unit": profile.unit, "device": profile.measured.device, "date": profile.measured.date},
        "model": {
            "name": model.name, "card": None if card is None else card.name,
            "architecture": type(model.module).__name__,
            "classes": int(truth.outputs.shape[-1]), "params": deployed.params, "macs": deployed.macs,
            "licence": None if card is None else card.licence,
        },
        "weights": {"kind": weights.kind, "file": weights.file, "sha256": weights.sha256, "ema": weights.ema,
                    "form": weights.form},
        "preprocessing": {
            "source": model.preprocessing_from, "input_size": prep.input_size, "resize": prep.resize, "crop": prep.crop,
            "interpolation": prep.interpolation, "mean": list(prep.mean), "std": list(prep.std),
            "colour_order": "rgb", "range": [0, 1],
            "normalisation_inside": plan.embed_preprocessing, "softmax_inside": plan.embed_preprocessing,
        },
        "fusion": fusion.as_dict(),
        "artifacts": artifacts,
        "labels": None if labels is None else {
            "file": "labels.txt", "count": len(labels.names), "source": labels.source},
        "golden": {**dataclasses.asdict(golden), "photos": list(golden.photos)},
        "parity_inputs": list(truth.names),
        "tools": tools(),
    }


def tools() -> dict[str, str]:
    """Version of everything that had a hand in the artifacts."""
    found = {"ghostdeploy": VERSION, "python": platform.python_version()}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
