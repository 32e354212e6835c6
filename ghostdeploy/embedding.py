"""Normalisation and softmax inside the artifact, so that an app feeds plain pixels and reads probabilities."""

from __future__ import annotations

import torch
from torch import nn

from ghostdeploy.preprocessing import Preprocessing


class Embedded(nn.Module):
    """`softmax(module((pixels - mean) / std))` for RGB pixels in 0..1.

    The normalisation stays a product and a sum of its own in front of a padded convolution: folding it into the weights
    would be wrong in the outermost pixels, where the padding is 0 *after* normalisation.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, module: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.module = module
        mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1)
                     for v in (preprocessing.mean, preprocessing.std))
        self.register_buffer("scale", (1 / std).float())
        self.register_buffer("shift", (-mean / std).float())

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Probabilities [1, classes] of pixels [1, 3, H, W]."""
        return torch.softmax(self.module(pixels * self.scale + self.shift), dim=-1)
