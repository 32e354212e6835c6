"""Everything in a bundle besides the artifacts themselves."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.fx import GraphModule

from ghostdeploy.bundle import documents, manifest
from ghostdeploy.bundle.labels import Labels
from ghostdeploy.bundle.staging import MANIFEST, write_sums
from ghostdeploy.cost import cost
from ghostdeploy.fusion import FusionReport
from ghostdeploy.lowering.artifact import Lowered
from ghostdeploy.model import Model
from ghostdeploy.parity import Parity
from ghostdeploy.reference import Reference
from ghostdeploy.tensors import FloatArray


@dataclass(frozen=True)
class Product:
    """An artifact that was written into the staging directory as `file`, and has passed parity."""

    file: str
    lowered: Lowered
    parity: Parity


def write_contents(staging: Path, model: Model, embedded: bool, truth: Reference, fusion: FusionReport,
                   graph: GraphModule, labels: Labels | None, products: list[Product]) -> None:
    """Golden files, labels, manifest, card, notices, Android sources and checksums."""
    golden = _write_golden(staging, truth, labels)
    if labels is not None:
        (staging / "labels.txt").write_text("".join(f"{name}\n" for name in labels.names), encoding="utf-8")
    deployed = cost(graph, torch.zeros_like(torch.from_numpy(truth.inputs[:1])))
    document = manifest.document(model, embedded, truth, fusion, deployed, labels, golden, [
        manifest.artifact(staging / product.file, product.lowered, product.parity) for product in products])
    (staging / MANIFEST).write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    documents.write(staging, document, truth, labels)
    write_sums(staging)


def _write_golden(staging: Path, truth: Reference, labels: Labels | None) -> manifest.GoldenFiles:
    """The first photo in full; of the others the cropped pixels, from which the input follows exactly."""
    (staging / "golden" / "photos").mkdir(parents=True)
    photos = tuple(f"golden/photos/{name}.png" for name in truth.names)
    for index, name in enumerate(photos):
        truth.image(index).save(staging / name)
    files = manifest.GoldenFiles(photos[0], "golden/input.npy", "golden/output.npy", "golden/top5.json", photos,
                                 "golden/photo_outputs.npy")
    for name, array in ((files.input, truth.inputs[:1]), (files.output, truth.outputs[:1]),
                        (files.photo_outputs, truth.outputs)):
        (staging / name).write_bytes(_npy(array))
    top5 = {name: top_classes(row, labels) for name, row in zip(photos, truth.outputs, strict=True)}
    (staging / files.top5).write_text(json.dumps(top5, indent=2) + "\n", encoding="utf-8")
    return files


def _npy(array: FloatArray) -> bytes:
    """The bytes of a .npy file. (numpy's own writing to a full disk raises an OSError without an error number.)"""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def top_classes(row: FloatArray, labels: Labels | None,
                count: int = 5) -> list[dict[str, str | int | float]]:
    """The `count` highest outputs: index, score, and label where there is one."""
    order = np.argsort(-row, kind="stable")[:count]
    return [{"index": int(i), "score": float(row[i]), **({} if labels is None else {"label": labels.names[i]})}
            for i in order]
