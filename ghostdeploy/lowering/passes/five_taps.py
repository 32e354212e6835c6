"""A depthwise convolution of five taps in a row, as two of three taps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.alternative import Alternative, Site
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise, unknown_weights

# Of the taps' magnitudes, summed: roots of polynomials of degree four come out of float64 with that much to spare.
EXACT = 1e-9
# A tap this small beside the largest adds less than float32 rounds off, and is a root beyond the reach of float64.
NOTHING = 1e-12
PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))

Array = npt.NDArray[np.float64]


class FiveTapsAsThreeAndThree(Alternative):
    """Writes a 1x5 or 5x1 depthwise convolution as two of 1x3 or 3x1: five taps are a polynomial of degree four, which
    is always a product of two real ones of degree two.

    XNNPACK has depthwise kernels of 3, 4, 9 and 25 taps: five run as nine, twice three as six. The padding is in front
    of the first, which computes the two more pixels that the second reads, so borders stay exact. ARM, 72 channels at
    28x28: 0.534 M instructions for five taps (as many as for 3x3), 0.220 for three.

    The intermediate map is rounded relative to its own size, which can be at most 16 times what the five taps make:
    Mahler's measure M is multiplicative, M(f) <= |f|, and |q| <= 4 M(q) for the sum |q| of a quadratic's coefficients
    (Mahler, An application of Jensen's formula to polynomials, 1960). With weights as training starts from: 1.6 times.
    """

    name = "five-taps-as-three-and-three"

    def fits(self, node: Node) -> bool:
        """Five taps along one axis, stride 1, the size kept."""
        if not is_depthwise(node) or shape(operand(node, 1))[2:] not in ((1, 5), (5, 1)):
            return False
        stride, _, dilation = geometry(node)
        return stride == [1, 1] == dilation and shape(node) == shape(operand(node))

    def site(self, node: Node) -> Site:
        """Height, width, kernel (2), channels."""
        return Site(self.name, (*shape(node)[2:], *shape(operand(node, 1))[2:], shape(node)[1]))

    def region(self, node: Node) -> tuple[Node, ...]:
        """The convolution."""
        return (node,)

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known, and float64 must find their factors."""
        if unknown_weights(module, node):
            return "its weights are computed from the input"
        taps = _taps(module, node)
        return None if _exact(taps, *_factors(taps)) else "some taps have no factors in float64"

    def apply(self, module: GraphModule, node: Node) -> None:
        """First factor with the whole padding, then the second with none and the bias."""
        along = 2 if shape(operand(node, 1))[2] == 5 else 3
        value, channels = operand(node), shape(node)[1]
        for taps, padding, bias in zip(_factors(_taps(module, node)), (2, 0), (None, argument(node, 2, None)),
                                       strict=True):
            weight = torch.from_numpy(taps).to(operand(node, 1).meta["val"].dtype)
            kernel = weight.reshape(channels, 1, *((3, 1) if along == 2 else (1, 3)))
            edges = [padding, 0] if along == 2 else [0, padding]
            value = emit(module, aten.conv2d.default, value, new_constant(module, f"{node.name}_taps", kernel), bias,
                         [1, 1], edges, [1, 1], channels)
        replace(node, value)


def _taps(module: GraphModule, node: Node) -> Array:
    weight = constant(module, node.args[1])
    assert weight is not None
    taps: Array = weight.reshape(weight.shape[0], 5).double().numpy()
    return taps


def _factors(taps: Array) -> tuple[Array, Array]:
    """Two arrays [channels, 3] whose products as polynomials are `taps` [channels, 5], each with its best pairing."""
    found = [_best(row) for row in taps]
    return np.stack([first for first, _ in found]), np.stack([second for _, second in found])


def _best(taps: Array) -> tuple[Array, Array]:
    """The pair of real quadratics that amplifies least, the first with its largest tap at 1."""
    taps = np.where(np.abs(taps) < NOTHING * np.abs(taps).max(), 0.0, taps)
    roots = list(np.roots(taps))            # leading zeros are roots at infinity: they leave quadratics of less degree
    roots += [np.inf] * (4 - len(roots))
    best: tuple[Array, Array] | None = None
    for pairing in PAIRINGS:
        first, second = (_quadratic([roots[i] for i in pair]) for pair in pairing)
        if first is None or second is None:
            continue
        second = second * _scale(taps, np.convolve(first, second))
        if best is None or np.abs(first).sum() * np.abs(second).sum() < np.abs(best[0]).sum() * np.abs(best[1]).sum():
            best = first, second
    assert best is not None      # complex roots come in conjugate pairs: one pairing is always real
    return best


def _quadratic(roots: list[complex]) -> Array | None:
    """Coefficients of degree 2, 1, 0 with these roots and a largest magnitude of 1; None where they are not real."""
    finite = [root for root in roots if np.isfinite(root)]
    polynomial = np.atleast_1d(np.poly(finite))
    if np.abs(polynomial.imag).max() > 1e-9 * np.abs(polynomial).max():
        return None
    padded = np.concatenate([np.zeros(3 - len(polynomial)), polynomial.real])
    scaled: Array = padded / np.abs(padded).max()
    return scaled


def _scale(taps: Array, product: Array) -> float:
    """The factor between a product of quadratics and the taps, where the product is largest."""
    at = int(np.abs(product).argmax())
    return float(taps[at] / product[at])


def _exact(taps: Array, first: Array, second: Array) -> bool:
    """Are the products of the factors the taps, in every channel?"""
    products = np.stack([np.convolve(a, b) for a, b in zip(first, second, strict=True)])
    return bool((np.abs(products - taps).sum(axis=1) <= EXACT * np.abs(taps).sum(axis=1)).all())
