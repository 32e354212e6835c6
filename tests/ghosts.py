"""Small networks with every site that an alternative rewrite knows."""

from __future__ import annotations

import torch
from torch import nn


class Ghost(nn.Module):
    """A Ghost module: a 1x1 convolution, and beside it a depthwise one of its result."""

    def __init__(self, inside: int, outside: int, kernel: int, act: nn.Module | None) -> None:
        super().__init__()
        self.primary = nn.Conv2d(inside, outside, 1)
        self.cheap = nn.Conv2d(outside, outside, kernel, padding=kernel // 2, groups=outside)
        self.act = act or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.primary(x))
        return torch.cat([y, self.act(self.cheap(y))], 1)


class Small(nn.Module):
    """Two Ghost modules with a depthwise stride between them, five taps, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Ghost(3, 6, 3, nn.ReLU()), nn.Conv2d(12, 12, 3, 2, 1, groups=12), Ghost(12, 8, 3, None),
            nn.Conv2d(16, 16, (1, 5), padding=(0, 2), groups=16), nn.ReLU())
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


def small() -> Small:
    """Always the same weights; also a factory for `--model tests.ghosts:small`."""
    torch.manual_seed(0)
    return Small().eval()


class Gated(nn.Module):
    """Everything that int8 knows: a stem, a squeeze, a gate at half size (GhostNetV3's), sums, pools, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6())
        self.squeeze = nn.Sequential(nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 1), nn.Hardsigmoid())
        self.gate = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(16, 16, (1, 5), padding=(0, 2), groups=16), nn.Sigmoid(),
                                  nn.UpsamplingNearest2d(scale_factor=2))
        self.ghost = Ghost(16, 8, 3, nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(16, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x)
        y = y * self.squeeze(y.mean((2, 3), keepdim=True))
        y = self.ghost(y * self.gate(y)) + y
        return self.head(self.pool(y).mean((2, 3)))


def gated() -> nn.Module:
    """Always the same weights; also a factory."""
    torch.manual_seed(0)
    return Gated().eval()


def five_taps() -> nn.Module:
    """One site, of one kind; also a factory."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, (5, 1), padding=(2, 0), groups=8), nn.Flatten()).eval()


class Descending(nn.Module):
    """Maps from large to small, on both sides of where mixed precision changes (2x2 of 32x32): a gated stage above, two
    stages and a head below."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6())
        self.squeeze = nn.Sequential(nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 1), nn.Hardsigmoid())
        self.down = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU(), nn.Conv2d(24, 24, 3, 2, 1, groups=24))
        self.small = nn.Sequential(nn.Conv2d(24, 48, 3, 2, 1), nn.ReLU(), nn.Conv2d(48, 48, 1), nn.ReLU())
        self.head = nn.Linear(48, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x)
        y = self.down(y * self.squeeze(y.mean((2, 3), keepdim=True)))
        return self.head(self.small(y).mean((2, 3)))


def descending() -> nn.Module:
    """Always the same weights; also a factory."""
    torch.manual_seed(0)
    return Descending().eval()
