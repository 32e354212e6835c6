"""Mobile-Former (arXiv 2108.05895): a convolutional and a transformer branch side by side, bridged both ways.

The transformer has 3 to 6 tokens, which are learned and not cut from the image. In each block they look at the map
(Mobile -> Former), at each other (Former), steer the convolutions' activations (Mobile), and are looked at by the map
(Former -> Mobile); sections 3.1 and 3.2. Shapes below: B images, T tokens of D channels, maps of C channels.

Numbers of channels, and what the paper leaves open, are those of its authors' code (GitHub, AAboys/MobileFormer).
Parameters are those published, as they were rounded (of the smallest 3,232,788, 1.02 % above 3.2 M; of no other more
than 0.9 % away). Multiply-adds of convolutions and matrix products are fewer than published: by 9.4 % (26M), 5.2 %
(52M), 4.1 % (96M), 3.2 % (151M), 2.6 % (214M), 2.5 % (294M) and 1.9 % (508M). Two operations for every value that
leaves a BatchNorm, which common counters add and fusion makes disappear, fit the difference: with them all seven are
within 0.6 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

BRIDGE_HEADS = 2
FORMER_HEADS = 4
FORMER_EXPANSION = 2      # section 3.2: of the tokens' feed-forward network, instead of the usual 4
SLOPES_REDUCTION = 4      # of the network that makes a dynamic ReLU's slopes
SECOND_EXPANSION = 4      # of a reducing block's second half
HEAD_EXPANSION = 6        # of the last convolution


@dataclass(frozen=True)
class Variant:
    """A column of the paper's specifications: `bottleneck` and `blocks` are (expansion, channels, stride).

    `groups` cuts every 1x1 convolution into so many, which is how the smallest model is made out of the next.
    """

    stem: int
    bottleneck: tuple[int, int, int]
    blocks: tuple[tuple[int, int, int], ...]
    features: int
    tokens: int
    token_width: int
    groups: int = 1


_SMALLEST = ((3, 12, 1), (6, 24, 2), (3, 24, 1), (6, 48, 2), (4, 48, 1), (6, 64, 1), (6, 96, 2), (6, 96, 1))
VARIANTS = {
    "26m": Variant(8, (3, 12, 2), _SMALLEST, 1024, 3, 128, groups=4),
    "52m": Variant(8, (3, 12, 2), _SMALLEST, 1024, 3, 128),
    "96m": Variant(12, (2, 12, 1), ((6, 16, 2), (6, 32, 2), (3, 32, 1), (6, 64, 2), (4, 64, 1), (6, 88, 1), (6, 128, 2),
                                    (6, 128, 1)), 1280, 4, 128),
    "151m": Variant(12, (2, 12, 1), ((6, 16, 2), (3, 16, 1), (6, 32, 2), (3, 32, 1), (6, 64, 2), (4, 64, 1), (6, 88, 1),
                                     (6, 88, 1), (6, 128, 2), (6, 128, 1), (6, 128, 1)), 1280, 6, 192),
    "214m": Variant(12, (2, 12, 1), ((6, 20, 2), (3, 20, 1), (6, 40, 2), (4, 40, 1), (6, 80, 2), (4, 80, 1),
                                     (6, 112, 1), (6, 112, 1), (6, 160, 2), (6, 160, 1), (6, 160, 1)), 1600, 6, 192),
    "294m": Variant(16, (2, 16, 1), ((6, 24, 2), (4, 24, 1), (6, 48, 2), (4, 48, 1), (6, 96, 2), (4, 96, 1),
                                     (6, 128, 1), (6, 128, 1), (6, 192, 2), (6, 192, 1), (6, 192, 1)), 1920, 6, 192),
    "508m": Variant(24, (2, 24, 1), ((6, 40, 2), (3, 40, 1), (6, 72, 2), (3, 72, 1), (6, 128, 2), (4, 128, 1),
                                     (6, 176, 1), (6, 176, 1), (6, 240, 2), (6, 240, 1), (6, 240, 1)), 1920, 6, 192),
}


class MobileFormer(nn.Module):
    """[B, 3, H, W] -> [B, classes]."""

    def __init__(self, variant: str, num_classes: int = 1000) -> None:
        super().__init__()
        made = VARIANTS[variant]
        self.tokens = Tokens(made.tokens, made.token_width)
        self.stem = nn.Sequential(*convolution(3, made.stem, 3, 2), nn.ReLU6())
        expansion, width, stride = made.bottleneck
        self.bottleneck = LiteBottleneck(made.stem, expansion, width, stride, made.groups)
        blocks = []
        for expansion, wider, stride in made.blocks:
            mobile: nn.Module = (ReducingMobile if stride == 2 else Mobile)(width, expansion, wider, made)
            blocks.append(Block(width, wider, made.token_width, mobile))
            width = wider
        self.blocks = nn.ModuleList(blocks)
        self.to_former = MobileToFormer(width, made.token_width)
        self.head = Head(width, made, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """The last thing before the head is a look of the tokens at the map."""
        tokens = self.tokens(x)
        x = self.bottleneck(self.stem(x))
        for block in self.blocks:
            x, tokens = block(x, tokens)
        return self.head(x, self.to_former(x, tokens))  # type: ignore[no-any-return]


class Tokens(nn.Module):
    """[B, ...] -> [B, T, D]: learned, and the same for every image."""

    def __init__(self, number: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(number, width))

    def forward(self, x: Tensor) -> Tensor:
        """Of the images only their number matters."""
        return self.weight.expand(x.shape[0], -1, -1)


class Block(nn.Module):
    """Map and tokens -> map and tokens; figure 3."""

    def __init__(self, width: int, wider: int, token_width: int, mobile: nn.Module) -> None:
        super().__init__()
        self.mobile = mobile
        self.to_former = MobileToFormer(width, token_width)
        self.former = Former(token_width)
        self.to_mobile = FormerToMobile(wider, token_width)

    def forward(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The first token steers the convolutions (section 3.2)."""
        tokens = self.former(self.to_former(x, tokens))
        return self.to_mobile(self.mobile(x, tokens[:, 0]), tokens), tokens


class MobileToFormer(nn.Module):
    """[B, C, H, W] and [B, T, D] -> [B, T, D]: tokens ask, places of the map are keys and values as they are.

    Equation 1, and a gate from the authors' code: without it all but the smallest model would have 1.8 to 2.5 % fewer
    parameters than published.
    """

    def __init__(self, width: int, token_width: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(token_width, width), nn.Hardsigmoid())
        self.query = nn.Linear(token_width, width)
        self.project = nn.Linear(width, token_width)
        self.norm = nn.LayerNorm(token_width)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Gates lie between 0 and 2."""
        places = heads(rows(x), BRIDGE_HEADS)
        found = joined(scaled_dot_product_attention(heads(self.query(tokens), BRIDGE_HEADS), places, places))
        return self.norm(tokens + self.project(found * (2 * self.gate(tokens))))  # type: ignore[no-any-return]


class Former(nn.Module):
    """[B, T, D] -> [B, T, D]: attention whose keys and values are the tokens as they are, and a feed-forward network.

    Norms stand behind the sums (section 3.2).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.feed_forward = nn.Sequential(nn.Linear(width, FORMER_EXPANSION * width), nn.GELU(),
                                          nn.Linear(FORMER_EXPANSION * width, width))
        self.feed_forward_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.project = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Attention first."""
        known = heads(tokens, FORMER_HEADS)
        found = joined(scaled_dot_product_attention(heads(self.query(tokens), FORMER_HEADS), known, known))
        tokens = self.norm(tokens + self.project(found))
        return self.feed_forward_norm(tokens + self.feed_forward(tokens))  # type: ignore[no-any-return]


class FormerToMobile(nn.Module):
    """[B, C, H, W] and [B, T, D] -> [B, C, H, W]: places of the map ask as they are, tokens are keys and values."""

    def __init__(self, width: int, token_width: int) -> None:
        super().__init__()
        self.key = nn.Linear(token_width, width)
        self.value = nn.Linear(token_width, width)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Equation 2."""
        batch, channels, height, width = x.shape
        places, key, value = (heads(t, BRIDGE_HEADS) for t in (rows(x), self.key(tokens), self.value(tokens)))
        found = joined(scaled_dot_product_attention(places, key, value))
        return x + found.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class Mobile(nn.Module):
    """[B, C, H, W] and [B, D] -> [B, C', H, W]: MobileNetV2's inverted bottleneck, with dynamic ReLUs."""

    def __init__(self, width: int, expansion: int, wider: int, made: Variant) -> None:
        super().__init__()
        hidden = expansion * width
        self.expand = nn.Sequential(*convolution(width, hidden, groups=made.groups), Shuffle(made.groups))
        self.expand_activation = DynamicReLU(hidden, made.token_width)
        self.depthwise = nn.Sequential(*convolution(hidden, hidden, 3, groups=hidden))
        self.depthwise_activation = DynamicReLU(hidden, made.token_width)
        self.project = nn.Sequential(*convolution(hidden, wider, groups=made.groups), Shuffle(made.groups))
        self.residual = width == wider

    def forward(self, x: Tensor, token: Tensor) -> Tensor:
        """Wide in the middle."""
        y: Tensor = self.expand_activation(self.expand(x), token)
        y = self.project(self.depthwise_activation(self.depthwise(y), token))
        return x + y if self.residual else y


class ReducingMobile(nn.Module):
    """[B, C, H, W] and [B, D] -> [B, C', H / 2, W / 2]: two lite bottlenecks, the second one residual."""

    def __init__(self, width: int, expansion: int, wider: int, made: Variant) -> None:
        super().__init__()
        hidden, second = expansion * width, SECOND_EXPANSION * wider
        self.reduce = nn.Sequential(*convolution(width, hidden, 3, 2, groups=width), apart(width, made.groups))
        self.reduce_activation = DynamicReLU(hidden, made.token_width)
        self.reduce_project = nn.Sequential(*convolution(hidden, wider, groups=made.groups))
        self.expand = nn.Sequential(*convolution(wider, second, 3, groups=wider), apart(wider, made.groups))
        self.expand_activation = DynamicReLU(second, made.token_width)
        self.expand_project = nn.Sequential(*convolution(second, wider, groups=made.groups))

    def forward(self, x: Tensor, token: Tensor) -> Tensor:
        """Depthwise convolutions widen, 1x1 convolutions narrow."""
        x = self.reduce_project(self.reduce_activation(self.reduce(x), token))
        return x + self.expand_project(self.expand_activation(self.expand(x), token))  # type: ignore[no-any-return]


class LiteBottleneck(nn.Module):
    """[B, C, H, W] -> [B, C', H / stride, W / stride]: MicroNet's (arXiv 2108.05894), before there are any tokens."""

    def __init__(self, width: int, expansion: int, wider: int, stride: int, groups: int) -> None:
        super().__init__()
        hidden = expansion * width
        self.layers = nn.Sequential(*convolution(width, hidden, 3, stride, groups=width), nn.ReLU6(),
                                    apart(width, groups), *convolution(hidden, wider, groups=groups))
        self.residual = stride == 1 and width == wider

    def forward(self, x: Tensor) -> Tensor:
        """A depthwise convolution widens, a 1x1 convolution narrows."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class DynamicReLU(nn.Module):
    """[B, C, H, W] and [B, D] -> [B, C, H, W]: the larger of two slopes a channel (arXiv 2003.10027).

    The slopes are a function of a token. Intercepts, which the general form has, are zero in the authors' code.
    """

    def __init__(self, channels: int, token_width: int) -> None:
        super().__init__()
        hidden = token_width // SLOPES_REDUCTION
        self.slopes = nn.Sequential(nn.Linear(token_width, hidden), nn.ReLU(), nn.Linear(hidden, 2 * channels),
                                    nn.Hardsigmoid())

    def forward(self, x: Tensor, token: Tensor) -> Tensor:
        """Slopes lie between 0 and 2 and between -1 and 1: a ReLU where the network says nothing."""
        first, second = self.slopes(token)[:, :, None, None].chunk(2, 1)
        return torch.maximum(x * (2 * first), x * (2 * second - 1))


class Head(nn.Module):
    """[B, C, H, W] and [B, T, D] -> [B, classes]: of the map's mean and the first token."""

    def __init__(self, width: int, made: Variant, num_classes: int) -> None:
        super().__init__()
        hidden = HEAD_EXPANSION * width
        self.expand = nn.Sequential(Shuffle(made.groups), *convolution(width, hidden, groups=made.groups), nn.ReLU6(),
                                    nn.AdaptiveAvgPool2d(1), nn.Hardswish())
        self.features = nn.Sequential(nn.Linear(hidden + made.token_width, made.features),
                                      nn.BatchNorm1d(made.features), nn.Hardswish())
        self.fc = nn.Linear(made.features, num_classes)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Two fully connected layers."""
        joined = torch.cat((self.expand(x).flatten(1), tokens[:, 0]), 1)
        return self.fc(self.features(joined))  # type: ignore[no-any-return]


class Shuffle(nn.Module):
    """Deals the channels of each group out to all groups, as ShuffleNet does; [B, C, H, W] -> the same shape."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """With one group there is nothing to deal out."""
        if self.groups == 1:
            return x
        batch, channels, height, width = x.shape
        split = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return split.transpose(1, 2).reshape(batch, channels, height, width)


def apart(width: int, groups: int) -> Shuffle:
    """Lets what a depthwise convolution makes of one of `width` channels go into different groups of the next."""
    return Shuffle(width if groups > 1 else 1)


def rows(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H * W, C]; as a map lies in memory on phones, this moves nothing."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def heads(t: Tensor, number: int) -> Tensor:
    """[B, N, C] -> [B, heads, N, C / heads]."""
    batch, count, width = t.shape
    return t.reshape(batch, count, number, width // number).transpose(1, 2)


def joined(t: Tensor) -> Tensor:
    """[B, heads, N, C / heads] -> [B, N, C]."""
    return t.transpose(1, 2).flatten(2)


def convolution(width: int, wider: int, side: int = 1, stride: int = 1, groups: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps the borders, and its norm."""
    return (nn.Conv2d(width, wider, side, stride, side // 2, groups=groups, bias=False), nn.BatchNorm2d(wider))
