"""What the checkpoint itself answers on real photos, before anything is fused: the yardstick of every check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from ghostdeploy.calling import classify
from ghostdeploy.model import Model
from ghostdeploy.photos import Photo
from ghostdeploy.tensors import FloatArray


@dataclass(frozen=True)
class Reference:
    """Real inputs and the checkpoint's own outputs.

    Attributes:
        names: one per photo.
        pixels: RGB in 0..1, [N, 3, H, W]; each is a whole number of 255ths, so a PNG keeps it exactly.
        inputs: as the artifacts take them: `pixels`, or `pixels` normalised where normalisation stays outside.
        outputs: float32 [N, classes] from the module as loaded; probabilities where softmax goes inside.
    """

    names: tuple[str, ...]
    pixels: FloatArray
    inputs: FloatArray
    outputs: FloatArray

    @property
    def example(self) -> torch.Tensor:
        """The first input as a tensor [1, 3, H, W]: a real photo is what the graph is traced and proven on."""
        return torch.from_numpy(self.inputs[:1])

    def image(self, index: int) -> Image.Image:
        """The cropped photo, 8 bits a channel."""
        return Image.fromarray(np.rint(self.pixels[index].transpose(1, 2, 0) * 255).astype(np.uint8))


def reference(model: Model, photos: tuple[Photo, ...], *, embedded: bool) -> Reference:
    """Run the module as loaded on every photo, one by one (batch 1, as a phone will)."""
    prep = model.preprocessing
    pixels = np.concatenate([prep.pixels(photo.image) for photo in photos])
    normalised = prep.normalise(pixels)
    outputs = answers(model.module, normalised, softmax=embedded)
    return Reference(tuple(p.name for p in photos), pixels, pixels if embedded else normalised, outputs)


@torch.no_grad()
def answers(module: nn.Module, inputs: FloatArray, *, softmax: bool) -> FloatArray:
    """The module's float32 outputs for NCHW inputs, one at a time.

    Raises:
        InputSizeRejected, ExportFailed, ModelRejected: the module cannot be called like a classifier of images.
    """
    logits = torch.cat([classify(module, torch.from_numpy(inputs[i:i + 1])) for i in range(len(inputs))])
    return (torch.softmax(logits, dim=-1) if softmax else logits).numpy()
