"""The training form of one convolution and its BatchNorm: a sum of linear branches, each with its own BatchNorm."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ghostdeploy.fusion.affine import F64, Branch, identity
from ghostdeploy.fusion.merge import merge

ANY_SIZE = (32, 32)     # of a map, to place windows on; branches of one output stand alike on every size


@dataclass(frozen=True)
class Shape:
    """Which branches there are: `copies` of the convolution, the 1x1 `scale` branch beside depthwise kernels, and the
    `identity` branch, a BatchNorm of the input itself, where shapes allow.

    3 copies with the 1x1 branch are what the GhostNetV3 paper found best (table 2: 77.6 % top-1); without the 1x1
    branch more copies made it worse. `copies=0` leaves a convolution as it is.
    """

    copies: int = 3
    scale: bool = True
    identity: bool = True


class Branches(nn.Module):
    """[n, in, h, w] -> [n, out, h', w'] like the convolution and BatchNorm that it stands for.

    The first branch is that convolution and that BatchNorm, with their values. With `silent`, the other BatchNorms
    begin at gamma 0: the sum is exactly what the first branch alone gives, and gammas grow as training wants.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, shape: Shape, *, silent: bool) -> None:
        super().__init__()
        self.shape = shape
        first = _norm(conv.out_channels, norm)
        first.load_state_dict(norm.state_dict())
        self.convs = nn.ModuleList([nn.Sequential(conv, first)])
        for _ in range(shape.copies - 1):
            self.convs.append(nn.Sequential(_another(conv), _norm(conv.out_channels, norm, silent=silent)))
        self.scale = (nn.Sequential(_pointwise(conv), _norm(conv.out_channels, norm, silent=silent))
                      if shape.scale and scalable(conv) else None)
        self.identity = (_norm(conv.out_channels, norm, silent=silent)
                         if shape.identity and keeps_shape(conv) else None)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the branches."""
        total: Tensor = self.convs[0](x)
        for conv in list(self.convs)[1:]:
            total = total + conv(x)
        if self.scale is not None:
            total = total + self.scale(x)
        return total if self.identity is None else total + self.identity(x)

    def merged(self) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
        """One convolution and one BatchNorm that compute what the branches do in evaluation mode, to rounding."""
        copies, scale = _pairs(self.convs), _pairs([] if self.scale is None else [self.scale])
        parts = [(_linear(conv), conv.bias, norm) for conv, norm in (*copies, *scale)]
        conv, like = copies[0]
        if self.identity is not None:
            parts.append((identity(conv.out_channels, spatial=2), None, self.identity))
        affine = [_scale_and_shift(bias, norm) for _, bias, norm in parts]
        branches = [branch.scaled(factor) for (branch, *_), (factor, _) in zip(parts, affine, strict=True)]
        together = merge(branches, ANY_SIZE, branches[0].output_size(ANY_SIZE))
        assert not isinstance(together, str), together      # `scalable` and `keeps_shape` let no others stand here
        made, norm = copy.deepcopy(conv), _norm(conv.out_channels, like)
        made.bias = None
        with torch.no_grad():
            made.weight.copy_(together.weight)
            norm.weight.fill_(math.sqrt(1 + norm.eps))      # running variance is 1
            norm.bias.copy_(torch.stack([shift for _, shift in affine]).sum(0))
        return made, norm


def depthwise(conv: nn.Conv2d) -> bool:
    """One filter a channel."""
    return conv.groups == conv.in_channels == conv.out_channels


def pointwise(conv: nn.Conv2d) -> bool:
    """1x1, over all channels."""
    return conv.kernel_size == (1, 1) and conv.groups == 1


def centred(conv: nn.Conv2d) -> bool:
    """Is the middle of the kernel over the input pixel of the same place?"""
    if not isinstance(conv.padding, tuple) or conv.padding_mode != "zeros":
        return False
    return (all(size % 2 for size in conv.kernel_size)
            and all(pad == step * (size // 2)
                    for pad, size, step in zip(conv.padding, conv.kernel_size, conv.dilation, strict=True)))


def scalable(conv: nn.Conv2d) -> bool:
    """Can a 1x1 branch stand beside it, and would it be another one?"""
    return depthwise(conv) and centred(conv) and conv.kernel_size != (1, 1)


def keeps_shape(conv: nn.Conv2d) -> bool:
    """Has its output its input's shape, place by place?"""
    return conv.in_channels == conv.out_channels and conv.stride == (1, 1) and centred(conv)


def _pairs(branches: Any) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each branch's convolution and its norm."""
    return [(branch[0], branch[1]) for branch in branches]


def _linear(conv: nn.Conv2d) -> Branch:
    """Without its bias. Beside a padding in words only copies stand, and any number serves for all of them."""
    padding = conv.padding if isinstance(conv.padding, tuple) else (0, 0)
    return Branch(conv.weight.detach().to(F64), conv.stride, padding, conv.dilation, conv.groups)


def _scale_and_shift(bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What `norm` does in evaluation mode to a channel that `bias` was added to: two float64 [channels]."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = norm.weight.detach().to(F64) / (norm.running_var.to(F64) + norm.eps).sqrt()
    mean = norm.running_mean.to(F64) - (0 if bias is None else bias.detach().to(F64))
    return factor, norm.bias.detach().to(F64) - mean * factor


def _norm(channels: int, like: nn.BatchNorm2d, *, silent: bool = False) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(channels, like.eps, like.momentum, device=like.weight.device, dtype=like.weight.dtype)
    if silent:
        nn.init.zeros_(made.weight)
    return made


def _another(conv: nn.Conv2d) -> nn.Conv2d:
    """One of the same shape without bias, its weights as widely spread as `conv`'s: whatever initialised those."""
    made = copy.deepcopy(conv)
    made.bias = None
    _spread(made.weight, conv.weight)
    return made


def _pointwise(conv: nn.Conv2d) -> nn.Conv2d:
    down, across = conv.stride
    made = nn.Conv2d(conv.in_channels, conv.out_channels, 1, (down, across), groups=conv.groups, bias=False,
                     device=conv.weight.device, dtype=conv.weight.dtype)
    _spread(made.weight, conv.weight)
    return made


def _spread(weight: Tensor, like: Tensor) -> None:
    with torch.no_grad():
        weight.normal_(0.0, float(like.detach().float().square().mean().sqrt()))
