"""MobileNeXt (arXiv 2007.02269): sandglass blocks, whose residual and depthwise convolutions are where it is wide.

The paper's table, as others copied it, and the code that its authors published (GitHub, yitu-opensource/MobileNeXt)
differ in how often the 960 channels repeat, and the table leaves open how narrow a block is that changes the number of
channels, and whether it keeps its first depthwise convolution. This follows the code in all three. It gives what the
paper publishes at width 1.4: 6.13 M parameters and 588 M multiply-adds against 6.1 M and 590 M. At width 1.0 nothing
that is published gives the paper's 3.4 M and 300 M: the code's blocks have 3,535,416 and 311,342,592, 4.0 % and 3.8 %
more (its read-me says 3.5 M); with the table's two repetitions of 960, 3,204,856 and 295,443,072, 5.7 % and 1.5 % less;
and with a first depthwise convolution in every block 3,567,624 and 319,301,760, or 3,237,064 and 303,402,240.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

STEM = 32
LAST = 1280
# Table 2: reduction, channels, repetitions, stride of the first one. The table repeats 960 twice, the code three times.
STAGES = ((2, 96, 1, 2), (6, 144, 1, 1), (6, 192, 3, 2), (6, 288, 3, 2), (6, 384, 4, 1), (6, 576, 4, 2),
          (6, 960, 3, 1), (6, LAST, 1, 1))
NARROWEST = 6    # the authors' code: a bottleneck has at least a sixth of the channels that leave it,
GRAIN = 16       # and is then a multiple of this


class MobileNeXt(nn.Module):
    """[B, 3, H, W] -> [B, classes]; table 2. `width` multiplies every number of channels, but lets 1280 not shrink."""

    def __init__(self, width: float = 1.0, num_classes: int = 1000) -> None:
        super().__init__()
        channels = near(STEM * width, 8)
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6()]
        for reduction, wanted, repeats, first_stride in STAGES:
            wider = LAST if wanted == LAST and width < 1 else near(wanted * width, 8)
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                # Blocks that step from one stage to the next without company in their own keep both of their
                # depthwise convolutions; so does the first, whose reduction is 2.
                both = channels == wider or reduction == 2 or (repeats == 1 and stride == 1)
                layers.append(Sandglass(channels, bottleneck(channels, wider, reduction), wider, stride, first=both,
                                        last=both or stride > 1))
                channels = wider
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Stem and blocks, mean over the map, classifier."""
        return self.fc(self.pool(self.features(x)).flatten(1))  # type: ignore[no-any-return]


class Sandglass(nn.Module):
    """[B, C, H, W] -> [B, C', H / stride, W / stride]; figure 3 (b) and table 1.

    Depthwise, down to `hidden` channels without an activation, up again, depthwise without an activation. `first` and
    `last` say whether the depthwise convolutions are there.
    """

    def __init__(self, width: int, hidden: int, wider: int, stride: int, *, first: bool, last: bool) -> None:
        super().__init__()
        self.residual = width == wider and stride == 1
        layers: list[nn.Module] = []
        if first:
            layers += [nn.Conv2d(width, width, 3, 1, 1, groups=width, bias=False), nn.BatchNorm2d(width), nn.ReLU6()]
        layers += [nn.Conv2d(width, hidden, 1, bias=False), nn.BatchNorm2d(hidden),
                   nn.Conv2d(hidden, wider, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU6()]
        if last:
            layers += [nn.Conv2d(wider, wider, 3, stride, 1, groups=wider, bias=False), nn.BatchNorm2d(wider)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The residual joins the wide ends; where their widths differ there is none."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


def bottleneck(width: int, wider: int, reduction: int) -> int:
    """Channels of a sandglass's waist."""
    hidden = width // reduction
    return hidden if hidden >= wider / NARROWEST else near(math.ceil(wider / NARROWEST), GRAIN)


def near(channels: float, grain: int) -> int:
    """The multiple of `grain` next to `channels`, but not less than nine tenths of it: MobileNetV2's rule."""
    rounded = max(grain, int(channels + grain / 2) // grain * grain)
    return rounded + grain if rounded < 0.9 * channels else rounded
