"""The algebra: a tensor as a sum of convolutions of other tensors, plus one number per channel.

Everything linear that a convolutional network does between two non-linearities is such a sum: convolution, linear
layer (a convolution without spatial axes), BatchNorm, identity, per-channel scale, average pooling. All numbers are
float64; the only rounding is the cast when the result is written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch.fx import Node

F64 = torch.float64


@dataclass(frozen=True, eq=False)
class Branch:
    """One convolution without bias: `y += conv(x, weight, stride, padding, dilation, groups)`.

    Attributes:
        weight: [out, in / groups, *kernel]; the kernel has as many axes as the tensor has spatial ones, none for a
            linear layer.
        identity: the weight only scales each channel of its source (kernel 1, stride 1): no convolution is needed.
        parts: names of the graph's nodes that this branch stands for, for the report.
        node: the node that computes exactly this branch already, if one does (an average pool that stays one).
    """

    weight: torch.Tensor
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    identity: bool = False
    parts: tuple[str, ...] = ()
    node: Node | None = None

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(self.weight.shape[2:])

    @property
    def pointwise(self) -> bool:
        """Does output position i read input position i alone?"""
        return all(k == 1 for k in self.kernel) and not any(self.padding) and all(s == 1 for s in self.stride)

    @property
    def plain(self) -> bool:
        """Is it `y += x`, free of any arithmetic but the addition?"""
        return self.identity and bool((self.weight == 1).all())

    def scaled(self, k: torch.Tensor) -> Branch:
        """The branch with output channel c multiplied by k[c]."""
        return replace(self, weight=self.weight * k.view(-1, *[1] * (self.weight.dim() - 1)), node=None)

    def output_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial size of the output for a spatial input size."""
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in
                     zip(size, self.padding, self.dilation, self.kernel, self.stride, strict=True))

    def cost(self, positions: int) -> int:
        """Multiply-accumulates for `positions` output positions; a plain identity needs none."""
        return 0 if self.plain else self.weight.numel() * positions


@dataclass(frozen=True, eq=False)
class Affine:
    """A tensor as `sum over sources, sum over branches + bias[c]`, channels along `axis`.

    Attributes:
        terms: for each source node its parallel branches.
        bias: [channels].
        inner: nodes that nobody needs any more once this expression is written back.
    """

    axis: int
    terms: Mapping[Node, tuple[Branch, ...]]
    bias: torch.Tensor
    inner: frozenset[Node] = frozenset()

    @property
    def channels(self) -> int:
        return self.bias.numel()

    @property
    def has_convolution(self) -> bool:
        return any(not b.identity for branches in self.terms.values() for b in branches)

    @property
    def lone_identities(self) -> int:
        """Sources that are only scaled: each costs an operator of its own once a scale is applied to the sum."""
        return sum(all(b.identity for b in branches) for branches in self.terms.values())

    def scaled(self, k: torch.Tensor, shift: torch.Tensor | float = 0.0) -> Affine:
        """`k * self + shift`, per channel."""
        return replace(self, terms={s: tuple(b.scaled(k) for b in bs) for s, bs in self.terms.items()},
                       bias=self.bias * k + shift)

    def plus(self, other: Affine) -> Affine:
        """The sum of two expressions of the same shape and axis."""
        terms = dict(self.terms)
        for source, branches in other.terms.items():
            terms[source] = terms.get(source, ()) + branches
        return Affine(self.axis, terms, self.bias + other.bias, self.inner | other.inner)

    def without(self, *nodes: Node) -> Affine:
        """The expression once it also replaces `nodes`."""
        return replace(self, inner=self.inner | set(nodes))

    def sources_alone(self) -> Affine:
        """What is read, without the numbers: all that is asked of an expression that another one has taken up."""
        return replace(self, terms=dict.fromkeys(self.terms, ()), inner=frozenset())


def identity(channels: int, spatial: int, name: str = "identity") -> Branch:
    """`y += x` on `channels` channels and `spatial` spatial axes."""
    one = (1,) * spatial
    weight = torch.ones(channels, 1, *one, dtype=F64)
    return Branch(weight, one, (0,) * spatial, one, channels, True, (name,))
