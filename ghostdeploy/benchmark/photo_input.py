"""A real photo as the input of a bare file, whatever size and type it takes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ghostdeploy import photos
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.lowering.artifact import TensorSpec
from ghostdeploy.preprocessing import IMAGENET_MEAN, IMAGENET_STD

PHOTO = "chelsea"
GREY, RGB = 1, 3
SEED = 0


def sample(specs: tuple[TensorSpec, ...]) -> tuple[tuple[Array, ...], str]:
    """One array per input, in the library's order (NCHW), and a sentence that says what they are."""
    arrays, words = [], []
    for spec in specs:
        image_size = _image_size(spec)
        array, word = _noise(spec) if image_size is None else _photo(spec, *image_size)
        arrays.append(array)
        words.append(f"{spec.name}: {word}")
    return tuple(arrays), "; ".join(words)


def _image_size(spec: TensorSpec) -> tuple[int, int, int] | None:
    """Channels, height and width of an image input; None for any other."""
    if len(spec.shape) != 4 or spec.shape[0] != 1:
        return None
    channels, height, width = spec.shape[1:] if spec.layout != "nhwc" else (spec.shape[3], *spec.shape[1:3])
    return (channels, height, width) if channels in (GREY, RGB) else None


def _photo(spec: TensorSpec, channels: int, height: int, width: int) -> tuple[Array, str]:
    image = photos.real_photo(PHOTO).image.convert("RGB" if channels == RGB else "L")
    small = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    pixels = small.reshape(height, width, channels).transpose(2, 0, 1)[None]
    mean, std = (np.asarray(v, np.float32)[:channels].reshape(1, channels, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    normalised = (pixels / np.float32(255) - mean) / std
    what = f"photo {PHOTO}, {width}x{height}"
    if np.issubdtype(np.dtype(spec.dtype), np.floating):
        return np.ascontiguousarray(normalised, spec.dtype), f"{what}, ImageNet's mean and std"
    if spec.scale and spec.zero_point is not None:
        limits = np.iinfo(spec.dtype)
        steps = np.round(normalised / spec.scale) + spec.zero_point
        return (np.ascontiguousarray(np.clip(steps, limits.min, limits.max), spec.dtype),
                f"{what}, ImageNet's mean and std, quantised")
    return np.ascontiguousarray(pixels, spec.dtype), f"{what}, pixel values"


def _noise(spec: TensorSpec) -> tuple[Array, str]:
    """An input that is no image has no real stand-in here."""
    n, *rest = spec.shape
    shape = (n, rest[-1], *rest[:-1]) if spec.layout == "nhwc" else spec.shape
    noise = np.random.default_rng(SEED).standard_normal(shape).astype(spec.dtype)
    return noise, f"seeded noise, for {list(spec.shape)} is no image"
