"""ShuffleNetV1 (arXiv 1707.01083): bottlenecks of grouped 1x1 convolutions, with a channel shuffle between the groups.

Read this way, width 1.0 in 3 groups has 1,865,728 parameters and 137,460,672 multiply-adds at 224x224; the paper gives
137 M (table 1), and MMPretrain measured 1.87 M parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Table 1, the column of 3 groups: channels behind the stem and behind stages 2, 3 and 4.
GROUPS = 3
STEM = 24
STAGES = (240, 480, 960)
REPEATS = (4, 8, 4)
BOTTLENECK = 4    # section 3.3: a unit's bottleneck has a quarter of its output channels


class ShuffleNetV1(nn.Module):
    """[B, 3, H, W] -> [B, classes]; table 1."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU(),
                                  nn.MaxPool2d(3, 2, 1))
        units: list[nn.Module] = []
        width = STEM
        for stage, (wider, repeats) in enumerate(zip(STAGES, REPEATS, strict=True)):
            # Note to table 1: the very first 1x1 convolution is dense, because its 24 inputs are so few.
            units.append(ReducingUnit(width, wider, first_groups=1 if stage == 0 else GROUPS))
            units += [Unit(wider) for _ in range(repeats - 1)]
            width = wider
        self.units = nn.Sequential(*units)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Stem, units, mean over the map, classifier."""
        x = self.units(self.stem(x))
        return self.fc(self.pool(x).flatten(1))  # type: ignore[no-any-return]


class Unit(nn.Module):
    """[B, C, H, W] -> the same shape; figure 2 (b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = branch(width, width // BOTTLENECK, width, GROUPS, stride=1)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The residual is added before the last ReLU."""
        return self.activation(x + self.branch(x))  # type: ignore[no-any-return]


class ReducingUnit(nn.Module):
    """[B, C, H, W] -> [B, C', H / 2, W / 2]; figure 2 (c)."""

    def __init__(self, width: int, wider: int, first_groups: int) -> None:
        super().__init__()
        # The bottleneck is a quarter of what leaves the unit: a quarter of what the branch adds would be 8 % cheaper
        # than the paper's 137 M.
        self.branch = branch(width, wider // BOTTLENECK, wider - width, first_groups, stride=2)
        self.shortcut = nn.AvgPool2d(3, 2, 1)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The averaged input and what the branch adds, one behind the other."""
        joined = torch.cat((self.shortcut(x), self.branch(x)), 1)
        return self.activation(joined)  # type: ignore[no-any-return]


def branch(width: int, hidden: int, wider: int, first_groups: int, stride: int) -> nn.Sequential:
    """Grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; no activation behind the last two (section 3.2)."""
    return nn.Sequential(
        nn.Conv2d(width, hidden, 1, groups=first_groups, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(),
        Shuffle(GROUPS),
        nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden),
        nn.Conv2d(hidden, wider, 1, groups=GROUPS, bias=False), nn.BatchNorm2d(wider))


class Shuffle(nn.Module):
    """Deals the channels of each group out to all groups: channel g * n + i goes to i * groups + g (figure 1)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        batch, channels, height, width = x.shape
        split = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return split.transpose(1, 2).reshape(batch, channels, height, width)
