"""From an image to the tensor that a model was trained on: resize, centre crop, scale, normalise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from ghostdeploy.errors import FileMissing, ImageUnreadable, UsageError
from ghostdeploy.tensors import FloatArray

Interpolation = Literal["bilinear", "bicubic", "nearest"]
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
              "nearest": Image.Resampling.NEAREST}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes an input: the shorter side is resized to `resize` pixels, then the centre is cropped.

    `mean` and `std` are per RGB channel, for pixel values scaled to 0..1.
    """

    input_size: int = 224
    crop: float = 0.875
    interpolation: Interpolation = "bicubic"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if self.interpolation not in RESAMPLING:
            raise UsageError(f"no such interpolation: {self.interpolation}", "", f"choose from {', '.join(RESAMPLING)}")
        if not 0 < self.crop <= 1:
            raise UsageError(f"a crop of {self.crop} is no share", "", "give a number above 0 and up to 1, e.g. 0.875")
        if not all(math.isfinite(v) for v in self.mean) or not all(math.isfinite(v) and v > 0 for v in self.std):
            raise UsageError(f"mean {self.mean} and std {self.std} normalise nothing", "",
                             "give finite numbers, and std above 0")

    @property
    def resize(self) -> int:
        """Pixels of the shorter side after the resize: whole ones, as timm and torchvision count them."""
        return math.floor(self.input_size / self.crop)

    def pixels(self, image: Image.Image) -> FloatArray:
        """The cropped image as RGB in 0..1, [1, 3, input_size, input_size]."""
        rgb, size = image.convert("RGB"), self.input_size
        # The longer side is cut off and the margin rounded, as timm and torchvision do: one column more moved
        # EfficientNet-Lite0's probabilities on a photo by 0.01.
        shorter = min(rgb.size)
        width, height = (int(self.resize * side / shorter) for side in rgb.size)
        rgb = rgb.resize((width, height), RESAMPLING[self.interpolation])
        left, top = round((width - size) / 2), round((height - size) / 2)
        crop = np.asarray(rgb.crop((left, top, left + size, top + size)), np.float32) / np.float32(255)
        return np.ascontiguousarray(crop.transpose(2, 0, 1)[None])

    def normalise(self, pixels: FloatArray) -> FloatArray:
        """(pixels - mean) / std per channel of an NCHW array in 0..1."""
        mean, std = (np.asarray(v, np.float32).reshape(1, 3, 1, 1) for v in (self.mean, self.std))
        return np.asarray((pixels - mean) / std, np.float32)

    def tensor(self, image: Image.Image) -> FloatArray:
        """The model's input for `image`: float32 [1, 3, input_size, input_size]."""
        return self.normalise(self.pixels(image))


def open_image(path: Path) -> Image.Image:
    """Decode an image file completely, so that a truncated one is found here.

    Raises:
        FileMissing, ImageUnreadable: with the path and what the decoder said.
    """
    if not path.exists():
        raise FileMissing(f"no such image: {path}", "", "check the path")
    try:
        with Image.open(path) as image:
            image.load()
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageUnreadable(f"cannot read {path} as an image", str(error), "use a JPEG, PNG or WebP file") from error
