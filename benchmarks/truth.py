"""What the checkpoint itself answers on real photos, in eager mode and unfused: every peer is held against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.models import Source
from ghostdeploy.model import Model
from ghostdeploy.parity import compare_outputs
from ghostdeploy.photos import real_photo
from ghostdeploy.reference import answers
from ghostdeploy.tensors import FloatArray

PHOTOS = ("chelsea", "coffee", "rocket")

# Relative, worst of the photos. Exact artifacts are within 1e-5; litert-torch's wrong upsampling index makes 2e-3.
WRONG = 1e-4


@dataclass(frozen=True)
class Truth:
    """Images on disk as the models take them, [N, 3, H, W], and the checkpoint's own outputs, [N, classes]."""

    images: Path
    outputs: FloatArray


def truth(source: Source, model: Model, store: Path) -> Truth:
    """The reference for `source`; its images are written below `store`."""
    images = np.concatenate([model.preprocessing.tensor(real_photo(name).image) for name in PHOTOS])
    place = store / "images" / f"{source.key()[:16]}.npy"
    place.parent.mkdir(parents=True, exist_ok=True)
    np.save(place, images)
    return Truth(place, answers(model.module, images, softmax=False))


def relative_error(reference: FloatArray, outputs: FloatArray) -> float:
    """Worst over the photos of max|difference| / max|reference|.

    Raises:
        ParityFailed: another shape, or not finite.
    """
    return compare_outputs(reference, outputs, limit=WRONG, names=PHOTOS).max_rel_error
