"""Everything in a bundle besides the artifacts themselves."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.fx import GraphModule

from ghostdeploy.bundle import documents, manifest
from ghostdeploy.bundle.labels import Labels
from ghostdeploy.bundle.staging import MANIFEST, NEXT, write
from ghostdeploy.bundle.sums import SUMS, listing
from ghostdeploy.cost import cost
from ghostdeploy.fusion import FusionReport
from ghostdeploy.lowering.artifact import Lowered
from ghostdeploy.model import Model
from ghostdeploy.parity import Parity
from ghostdeploy.plan import Plan
from ghostdeploy.quantisation.quality import Quality
from ghostdeploy.reference import Reference
from ghostdeploy.tensors import FloatArray
from ghostdeploy.writing import writing


@dataclass(frozen=True)
class Product:
    """An artifact that was written into the staging directory as `file`, and has passed parity."""

    file: str
    lowered: Lowered
    parity: Parity
    quality: Quality | None = None      # of an int8 artifact


def write_contents(staging: Path, model: Model, plan: Plan, truth: Reference, fusion: FusionReport,
                   graph: GraphModule, labels: Labels | None, products: list[Product]) -> None:
    """Golden files, labels, manifest, card, notices, Android sources and checksums."""
    golden = _write_golden(staging, truth, labels)
    if labels is not None:
        write(staging / "labels.txt", "".join(f"{name}\n" for name in labels.names))
    deployed = cost(graph, torch.zeros_like(torch.from_numpy(truth.inputs[:1])))
    document = manifest.document(model, plan, truth, fusion, deployed, labels, golden, [
        manifest.artifact(staging / product.file, product.lowered, product.parity, product.quality)
        for product in products])
    write(staging / MANIFEST, json.dumps(document, indent=2, allow_nan=False) + "\n")
    documents.write(staging, document, truth, labels)
    write(staging / SUMS, listing(staging))


def _write_golden(staging: Path, truth: Reference, labels: Labels | None) -> manifest.GoldenFiles:
    """The first photo in full; of the others the cropped pixels, from which the input follows exactly."""
    with writing("golden/photos", NEXT):
        (staging / "golden" / "photos").mkdir(parents=True)
    photos = tuple(f"golden/photos/{name}.png" for name in truth.names)
    for index, name in enumerate(photos):
        write(staging / name, _png(truth.image(index)))
    files = manifest.GoldenFiles(photos[0], "golden/input.npy", "golden/output.npy", "golden/top5.json", photos,
                                 "golden/photo_outputs.npy")
    for name, array in ((files.input, truth.inputs[:1]), (files.output, truth.outputs[:1]),
                        (files.photo_outputs, truth.outputs)):
        write(staging / name, _npy(array))
    top5 = {name: top_classes(row, labels) for name, row in zip(photos, truth.outputs, strict=True)}
    write(staging / files.top5, json.dumps(top5, indent=2) + "\n")
    return files


def _npy(array: FloatArray) -> bytes:
    """The bytes of a .npy file. (numpy's own writing to a full disk raises an OSError without an error number.)"""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def top_classes(row: FloatArray, labels: Labels | None,
                count: int = 5) -> list[dict[str, str | int | float]]:
    """The `count` highest outputs: index, score, and label where there is one."""
    order = np.argsort(-row, kind="stable")[:count]
    return [{"index": int(i), "score": float(row[i]), **({} if labels is None else {"label": labels.names[i]})}
            for i in order]
