"""A small trained-looking network of the user's own: every kind of fusion in a model that lowers in seconds."""

from __future__ import annotations

import torch
from torch import nn

from tests.randomise import randomise_norms

CLASSES = 7


class Tiny(nn.Module):
    """Stem, a re-parameterisable residual of three branches, a depthwise stage, a gate, a head."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.wide = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.point = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.skip = nn.BatchNorm2d(8)
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 5, 2, 2, groups=8, bias=False), nn.BatchNorm2d(8),
                                       nn.Hardswish())
        self.gate = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = torch.relu(self.wide(x) + self.point(x) + self.skip(x))
        x = self.depthwise(x)
        x = x * nn.functional.hardsigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


def factory() -> nn.Module:
    """What `--model tests.tiny:factory` names."""
    torch.manual_seed(0)
    return randomise_norms(Tiny()).eval()
