"""Small modules, one per thing that the TFLite writer must get right; run in LiteRT and again in TFLite 2.14."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Do(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Gate(nn.Module):
    """GhostNetV2's attention: the map times an upsampled gate."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.pool, self.conv = nn.AvgPool2d(2, 2), nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.conv(self.pool(x)))
        return x * F.interpolate(gate, size=(self.size, self.size), mode="nearest")


class Shuffle(nn.Module):
    """ShuffleNet's channel shuffle behind a split."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1)
        joined = torch.cat([left, self.conv(right)], dim=1)
        n, c, h, w = joined.shape
        return joined.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Attention(nn.Module):
    """Tokens of a map, one attention layer, back to a map."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.norm, self.out = nn.Linear(8, 24), nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).reshape(n, h * w, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, h * w, c)
        return self.out(y).transpose(1, 2).reshape(n, c, h, w) + x


class Unfold(nn.Module):
    """MobileViT's way from a map to patches and back."""

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        p = x.reshape(n * c * (h // 2), 2, w // 2, 2).transpose(1, 2).reshape(n, c, h * w // 4, 4)
        p = F.softmax(p.transpose(1, 3).reshape(n * 4, h * w // 4, c), dim=-1)
        p = p.reshape(n, 4, h * w // 4, c).transpose(1, 3).reshape(n * c * (h // 2), w // 2, 2, 2)
        return p.transpose(1, 2).reshape(n, c, h, w)


def _seeded(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(5)
    return build().eval()


def _norm(build: Callable[[], nn.Module], *names: str) -> nn.Module:
    module = build()
    for name in names:
        nn.init.uniform_(getattr(module, name), 0.5, 1.5)
    return module


Case = tuple[nn.Module, tuple[int, ...]]

UPSAMPLES = {f"nearest {a}->{b}": (a, b) for a, b in ((3, 7), (4, 7), (5, 8), (6, 3), (3, 6), (2, 8), (14, 33), (7, 7))}

CASES: dict[str, Case] = {name: (_seeded(build), shape) for name, (build, shape) in {
    **{name: ((lambda b=b: Do(lambda x: F.interpolate(x, size=(b, b + 1), mode="nearest"))), (1, 5, a, a))
       for name, (a, b) in UPSAMPLES.items()},
    "nearest by factor": (lambda: Do(lambda x: F.interpolate(x, scale_factor=1.7, mode="nearest")), (1, 3, 10, 7)),
    "nearest exact": (lambda: Do(lambda x: F.interpolate(x, size=(7, 9), mode="nearest-exact")), (1, 3, 5, 4)),
    "gate, integer factor": (lambda: Gate(8), (1, 6, 8, 8)),
    "gate, other factor": (lambda: Gate(7), (1, 6, 7, 7)),
    "gate read twice": (lambda: Do(lambda x: (lambda u, y: u * y + u)(
        F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="nearest"), x)), (1, 3, 6, 6)),
    "bilinear": (lambda: Do(lambda x: F.interpolate(x, size=(7, 10), mode="bilinear")), (1, 3, 5, 4)),
    "bilinear, corners": (lambda: Do(lambda x: F.interpolate(x, (7, 10), mode="bilinear", align_corners=True)),
                          (1, 3, 5, 4)),
    "conv, even size, stride 2": (lambda: nn.Conv2d(3, 5, 3, 2, 1), (1, 3, 8, 8)),
    "conv, grouped": (lambda: nn.Conv2d(6, 9, 3, 1, 1, groups=3), (1, 6, 7, 7)),
    "conv, depthwise, dilated": (lambda: nn.Conv2d(6, 12, 3, 1, 2, dilation=2, groups=6), (1, 6, 9, 9)),
    "conv, padding same": (lambda: nn.Conv2d(3, 4, 4, padding="same"), (1, 3, 9, 9)),
    "conv and relu6": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU6()), (1, 3, 4, 4)),
    "max pool, negative, stride 2": (lambda: Do(lambda x: F.max_pool2d(x - 9, 3, 2, 1)), (1, 3, 8, 8)),
    "max pool after relu": (lambda: Do(lambda x: F.max_pool2d(F.relu(x), 3, 2, 1)), (1, 3, 8, 8)),
    "max pool, ceil": (lambda: Do(lambda x: F.max_pool2d(x - 9, 3, 2, ceil_mode=True)), (1, 3, 8, 8)),
    "average pool, padding counted": (lambda: nn.AvgPool2d(3, 2, 1), (1, 3, 8, 8)),
    "average pool, padding not counted": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (1, 3, 8, 8)),
    "average pool, same": (lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False), (1, 3, 8, 8)),
    "average pool, ceil": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), (1, 3, 8, 8)),
    "average pool, divisor": (lambda: nn.AvgPool2d(2, 2, divisor_override=3), (1, 3, 8, 8)),
    "adaptive average to 2x2": (lambda: nn.AdaptiveAvgPool2d(2), (1, 3, 8, 6)),
    "pad with zeros": (lambda: nn.ZeroPad2d((1, 2, 0, 3)), (1, 3, 5, 5)),
    "pad with a value": (lambda: nn.ConstantPad2d((1, 2, 0, 3), -7.5), (1, 3, 5, 5)),
    "channel shuffle": (Shuffle, (1, 8, 5, 4)),
    "concatenation of nine": (lambda: Do(lambda x: torch.cat([x * i for i in range(9)], 1)), (1, 2, 3, 3)),
    "stack": (lambda: Do(lambda x: torch.stack([x, x + 1], 2).sum(1)), (1, 2, 3, 3)),
    "select and unsqueeze": (lambda: Do(lambda x: x[:, 1].unsqueeze(-1) * 2), (1, 3, 4, 5)),
    "expand": (lambda: Do(lambda x: x.mean(1, keepdim=True).expand(1, 4, 3, 5) + x[:, :1]), (1, 2, 3, 5)),
    "means over every axis": (lambda: Do(lambda x: x.mean((2, 3)) + x.mean((1, 2, 3)) + x.mean(1).sum((1, 2))),
                              (1, 3, 4, 5)),
    "mean of all": (lambda: Do(lambda x: x * x.mean() + x.sum()), (1, 3, 4, 5)),
    "mean of height": (lambda: Do(lambda x: x.mean(2)), (1, 3, 4, 5)),
    "flatten a map into a linear": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(27, 4)),
                                    (1, 2, 5, 5)),
    "broadcast of lower rank": (lambda: Do(lambda x: x + x[0, 0, 0] * x[0, :, :1, :1]), (1, 3, 4, 5)),
    "scalars": (lambda: Do(lambda x: (2 - x) / 3 + torch.sub(x, x * x, alpha=2) * 0.5 - 1), (1, 2, 3, 3)),
    "maximum and minimum": (lambda: Do(lambda x: torch.maximum(x, x.mean(1, True)) - torch.minimum(x, -x)),
                            (1, 2, 3, 3)),
    "hard-sigmoid": (lambda: Do(lambda x: F.hardsigmoid(x * 4)), (1, 2, 3, 3)),
    "hard-sigmoid of a convolution": (lambda: nn.Sequential(nn.Conv2d(2, 3, 1), nn.Hardsigmoid()), (1, 2, 3, 3)),
    "hardswish": (lambda: Do(lambda x: F.hardswish(x * 4)), (1, 2, 3, 3)),
    "silu": (lambda: nn.SiLU(), (1, 2, 3, 3)),
    "gelu": (lambda: Do(lambda x: F.gelu(x * 4)), (1, 2, 30, 30)),
    "gelu, tanh form": (lambda: Do(lambda x: F.gelu(x * 4, approximate="tanh")), (1, 2, 30, 30)),
    "clamps": (lambda: Do(lambda x: x.clamp(-0.3, 0.4) + x.clamp(min=0.2) + x.clamp(max=0.1) + x.clamp(0, 1)),
               (1, 2, 3, 3)),
    "hardtanh": (lambda: nn.Sequential(nn.Conv2d(2, 3, 1), nn.Hardtanh()), (1, 2, 3, 3)),
    "relu kin": (lambda: nn.Sequential(nn.LeakyReLU(0.2), nn.ELU(), nn.PReLU(2), nn.Tanh()), (1, 2, 3, 3)),
    "roots and powers": (lambda: Do(lambda x: (x.abs() + 1).rsqrt() + x ** 2 + (x.abs() + 1) ** 0.5
                                    + 1 / (x ** 2 + 1)), (1, 2, 3, 3)),
    "batch norm left alone": (lambda: _norm(lambda: nn.BatchNorm2d(3), "weight", "running_var"), (1, 3, 4, 4)),
    "layer norm": (lambda: _norm(lambda: nn.LayerNorm(5), "weight", "bias"), (1, 2, 3, 5)),
    "layer norm of two axes": (lambda: _norm(lambda: nn.LayerNorm((4, 5)), "weight", "bias"), (1, 3, 4, 5)),
    "group norm of one group": (lambda: _norm(lambda: nn.GroupNorm(1, 3), "weight", "bias"), (1, 3, 4, 5)),
    "softmax over channels": (lambda: Do(lambda x: F.softmax(x, 1)), (1, 3, 4, 5)),
    "patches there and back": (Unfold, (1, 3, 6, 8)),
    "constants folded": (lambda: Do(lambda x: x + torch.arange(3).view(1, 3, 1, 1) * 0.5), (1, 3, 4, 5)),
    "tokens in": (lambda: nn.Sequential(nn.Linear(6, 4), nn.ReLU()), (1, 3, 6)),
}.items()}

# Correct everywhere, and run by the runtime's own kernels in part: XNNPACK takes SLICE with steps of 1 only, and TFLite
# 2.14's takes no BATCH_MATMUL (LiteRT's does).
UNDELEGATED: dict[str, Case] = {name: (_seeded(build), shape) for name, (build, shape) in {
    "slices with steps": (lambda: Do(lambda x: torch.cat([x[:, :, ::2, 1::2], x[:, :, 1::2, -5:99:2]], 1)),
                          (1, 3, 6, 6)),
    "attention": (Attention, (1, 8, 4, 3)),
    "matmul": (lambda: Do(lambda x: x @ x.transpose(2, 3)), (1, 2, 3, 4)),
}.items()}
OUTSIDE_LITERT = {"slices with steps": {"STRIDED_SLICE"}, "attention": set(), "matmul": set()}
OUTSIDE_214 = {"slices with steps": {"STRIDED_SLICE"}, "attention": {"BATCH_MATMUL"}, "matmul": {"BATCH_MATMUL"}}
