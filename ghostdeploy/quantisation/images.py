"""The user's own images: three in four to calibrate with, one in four kept back to see what int8 costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch

from ghostdeploy.errors import CalibrationTooSmall
from ghostdeploy.model import Model
from ghostdeploy.photos import Photo, from_directory
from ghostdeploy.quantisation.plan import Calibration
from ghostdeploy.reference import answers
from ghostdeploy.tensors import FloatArray

FEWEST: Final = 32
KEPT_BACK: Final = 4        # one in so many
# Of a large directory so many are taken, evenly: each is run for each format.
MOST: Final = 512


@dataclass(frozen=True)
class CalibrationImages:
    """Inputs as the artifacts take them, [N, 3, H, W], and the checkpoint's own answers on those kept back."""

    calibration: FloatArray = field(repr=False)
    held_out: FloatArray = field(repr=False)
    answers: FloatArray = field(repr=False)
    names: tuple[str, ...]

    def for_lowering(self, agreement: float | None) -> Calibration:
        """What lowering needs of them."""
        return Calibration(tuple(torch.from_numpy(self.calibration[i:i + 1]) for i in range(len(self.calibration))),
                           agreement)


def read(model: Model, directory: Path, *, embedded: bool, allow_few: bool = False) -> CalibrationImages:
    """Every image below `directory`, through the model's own preprocessing.

    Args:
        embedded: the artifacts normalise by themselves, and answer in probabilities.

    Raises:
        FileMissing, FileUnreadable, ImagesMissing, ImageUnreadable: see `from_directory`.
        CalibrationTooSmall: fewer than `FEWEST` images, unless allowed; or fewer than two.
    """
    found = from_directory(directory)
    if len(found) < (2 if allow_few else FEWEST):
        raise CalibrationTooSmall(
            f"{directory} holds {len(found)} images, int8 wants {FEWEST} and more",
            "the steps of every layer are read off what it does on real images: on few, or on noise, ranges come out "
            "wrong and answers change", "add images like those that the app will see, or say --allow few-images")
    chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST)).astype(int))]
    kept = chosen[KEPT_BACK - 1::KEPT_BACK] or chosen[-1:]
    held_out = _inputs(model, kept, embedded)
    return CalibrationImages(_inputs(model, [photo for photo in chosen if photo not in kept], embedded), held_out,
                             answers(model.module, held_out, softmax=embedded), tuple(photo.name for photo in kept))


def _inputs(model: Model, photos: list[Photo], embedded: bool) -> FloatArray:
    prep = model.preprocessing
    pixels = np.concatenate([prep.pixels(photo.image) for photo in photos])
    return pixels if embedded else prep.normalise(pixels)
