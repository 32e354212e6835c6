"""Small blocks, one per structure that fusion meets in the wild, written as their papers' training form has them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def conv_norm(cin: int, cout: int, kernel: int | tuple[int, int], stride: int = 1, padding: int | tuple[int, int] | None
              = None, groups: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution without bias, then BatchNorm; `same` padding for odd kernels by default."""
    if padding is None:
        assert isinstance(kernel, int)
        padding = kernel // 2 * dilation
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, padding, dilation, groups, bias=False),
                         nn.BatchNorm2d(cout))


class Sum(nn.Module):
    """relu(sum of branches)."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return torch.relu(total)


class BordersOfNorm(nn.Module):
    """DBB's `BNAndPadLayer`: BatchNorm, then padding with what BatchNorm makes of zero."""

    def __init__(self, pixels: int, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.norm, self.pixels = nn.BatchNorm2d(channels, affine=affine), pixels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        n, p = self.norm, self.pixels
        if p > 0:
            border = -n.running_mean / torch.sqrt(n.running_var + n.eps)
            if n.affine:
                border = n.bias.detach() - n.running_mean * n.weight.detach() / torch.sqrt(n.running_var + n.eps)
            y = functional.pad(y, [p] * 4)
            border = border.view(1, -1, 1, 1)
            y[:, :, 0:p, :] = border
            y[:, :, -p:, :] = border
            y[:, :, :, 0:p] = border
            y[:, :, :, -p:] = border
        return y


def diverse_branch(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> Sum:
    """DBB: kxk, 1x1, 1x1 -> kxk and 1x1 -> average, with padding between the two norms where its own value goes."""
    p = kernel // 2
    return Sum(
        conv_norm(cin, cout, kernel, stride, p, groups), conv_norm(cin, cout, 1, stride, 0, groups),
        nn.Sequential(nn.Conv2d(cin, cin, 1, groups=groups, bias=False), BordersOfNorm(p, cin),
                      conv_norm(cin, cout, kernel, stride, 0, groups)),
        nn.Sequential(nn.Conv2d(cin, cout, 1, groups=groups, bias=False), BordersOfNorm(p, cout),
                      nn.AvgPool2d(kernel, stride), nn.BatchNorm2d(cout)))


class ScaledDifference(nn.Module):
    """FastViT's mixer: x + scale * (conv(x) - norm(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mixer, self.norm = conv_norm(channels, channels, 3, groups=channels), nn.BatchNorm2d(channels)
        self.scale = nn.Parameter(torch.randn(channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.scale * (self.mixer(x) - self.norm(x)))


class SharedPart(nn.Module):
    """A branch whose own value is read elsewhere too."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = conv_norm(channels, channels, 3), conv_norm(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        return torch.relu(y + self.b(x)) * torch.sigmoid(y)


class Concatenated(nn.Module):
    """MixNet: split, convolve with several kernels, concatenate, normalise."""

    def __init__(self, channels: int, kernels: tuple[int, ...], opaque: bool = False) -> None:
        super().__init__()
        part = channels // len(kernels)
        self.convs = nn.ModuleList(nn.Conv2d(part, part, k, padding=k // 2, groups=part, bias=False) for k in kernels)
        self.norm, self.part, self.opaque = nn.BatchNorm2d(channels), part, opaque

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [conv(piece) for conv, piece in zip(self.convs, torch.split(x, self.part, 1), strict=True)]
        if self.opaque:
            parts[0] = torch.relu(parts[0])
        return torch.relu(self.norm(torch.cat(parts, 1)))


class GhostBranches(nn.Module):
    """GhostNetV3's ghost module: several 1x1, then several depthwise 3x3 with a 1x1 scale and a bare norm, joined."""

    def __init__(self, cin: int, cout: int, branches: int = 3) -> None:
        super().__init__()
        half = -(-cout // 2)
        self.primary = Sum(*(conv_norm(cin, half, 1) for _ in range(branches)))
        self.cheap = Sum(*(conv_norm(half, half, 3, groups=half) for _ in range(branches)),
                         conv_norm(half, half, 1, groups=half), nn.BatchNorm2d(half))
        self.cout = cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.primary(x)
        return torch.cat([y, self.cheap(y)], 1)[:, :self.cout]


def rep_vgg(channels: int, groups: int = 1, stride: int = 1) -> Sum:
    """RepVGG: 3x3, 1x1 and, without stride, a bare norm."""
    branches: list[nn.Module] = [conv_norm(channels, channels, 3, stride, groups=groups),
                                 conv_norm(channels, channels, 1, stride, 0, groups)]
    return Sum(*branches, *([nn.BatchNorm2d(channels)] if stride == 1 else []))


def ac_net(cin: int, cout: int) -> Sum:
    """ACNet: square, vertical and horizontal kernels."""
    return Sum(conv_norm(cin, cout, 3), conv_norm(cin, cout, (3, 1), padding=(1, 0)),
               conv_norm(cin, cout, (1, 3), padding=(0, 1)))


def rep_lk(channels: int) -> Sum:
    """RepLKNet: a large and a small depthwise kernel."""
    return Sum(conv_norm(channels, channels, 13, groups=channels), conv_norm(channels, channels, 5, groups=channels))


def uni_rep_lk(channels: int) -> Sum:
    """UniRepLKNet: a large depthwise kernel beside small dilated ones."""
    c = channels
    return Sum(conv_norm(c, c, 9, groups=c), conv_norm(c, c, 5, groups=c), conv_norm(c, c, 5, groups=c, dilation=2),
               conv_norm(c, c, 3, groups=c, dilation=3), conv_norm(c, c, 3, groups=c, dilation=4))


def mobile_one(cin: int, cout: int, groups: int, stride: int, branches: int = 4) -> Sum:
    """MobileOne: many 3x3, one 1x1, a bare norm where shapes allow."""
    skip = [nn.BatchNorm2d(cin)] if cin == cout and stride == 1 else []
    return Sum(*(conv_norm(cin, cout, 3, stride, groups=groups) for _ in range(branches)),
               conv_norm(cin, cout, 1, stride, 0, groups), *skip)
