"""Images to calibrate int8 with: pieces of the package's photographs."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ghostdeploy.photos import real_photos


def crops(count: int) -> list[Image.Image]:
    """Pieces of real photos, each another one."""
    photos = [photo.image for photo in real_photos()]
    chance = np.random.default_rng(0)
    pieces = []
    for i in range(count):
        image = photos[i % len(photos)]
        side = int(min(image.size) // 2)
        left, top = (int(chance.integers(0, extent - side)) for extent in image.size)
        pieces.append(image.crop((left, top, left + side, top + side)))
    return pieces
