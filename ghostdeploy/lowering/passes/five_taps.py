"""A depthwise convolution of five taps in a row, as two of three taps."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.alternative import Alternative
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise, unknown_weights
from ghostdeploy.lowering.site import Site

# Of the taps' magnitudes, summed: roots of polynomials of degree four come out of float64 with that much to spare.
EXACT = 1e-9
# A tap this small beside the largest adds less than float32 rounds off, and is a root beyond the reach of float64.
NOTHING = 1e-12
# The imaginary part, beside the largest coefficient, that a product of two conjugate roots keeps from rounding.
REAL = 1e-9
PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))

Array = npt.NDArray[np.float64]
Scalar = TypeVar("Scalar", np.float64, np.complex128)


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
    """Two arrays [channels, 3] whose products as polynomials are `taps` [channels, 5].

    Of the pairs of real quadratics the one that amplifies least; the largest coefficient of the first is 1.
    """
    taps = np.where(np.abs(taps) < NOTHING * np.abs(taps).max(axis=1, keepdims=True), 0.0, taps)
    linear = _linear_factors(taps)
    pairs = [tuple(_quadratics(linear[:, list(pair)]) for pair in pairing) for pairing in PAIRINGS]
    first, second = (np.stack(side, axis=1) for side in zip(*pairs, strict=True))       # [channels, pairings, 3]
    gain = np.abs(_products(first, second)).max(axis=-1)
    amplified = np.abs(first).sum(axis=-1) * np.abs(second).sum(axis=-1) / gain
    # Complex roots come in conjugate pairs, so that one pairing is always real; the others are NaN here.
    best = np.nanargmin(amplified, axis=1)[:, None, None]
    first, second = (np.take_along_axis(side, best, axis=1)[:, 0] for side in (first, second))
    product = _products(first, second)
    at = np.abs(product).argmax(axis=1)[:, None]
    return first, second * np.take_along_axis(taps, at, axis=1) / np.take_along_axis(product, at, axis=1)


def _linear_factors(taps: Array) -> npt.NDArray[np.complex128]:
    """[channels, 4, 2]: x minus each root; leading zeros are roots at infinity, whose factor is the constant 1."""
    factors = np.zeros((len(taps), 4, 2), np.complex128)
    factors[..., 1] = 1.0
    leading = np.where(taps.any(axis=1), (taps != 0).argmax(axis=1), 4)
    for degree in range(1, 5):
        rows = np.flatnonzero(leading == 4 - degree)
        companions = np.zeros((len(rows), degree, degree))
        companions[:, 1:, :-1] = np.eye(degree - 1)
        companions[:, 0] = -taps[rows, 5 - degree:] / taps[rows, 4 - degree, None]
        factors[rows, :degree, 0] = 1.0
        factors[rows, :degree, 1] = -np.linalg.eigvals(companions)
    return factors


def _quadratics(linear: npt.NDArray[np.complex128]) -> Array:
    """[channels, 3]: the product of two linear factors, its largest magnitude 1; NaN where it is not real."""
    product = _products(linear[:, 0], linear[:, 1])
    largest = np.abs(product).max(axis=-1, keepdims=True)
    real: Array = np.where(np.abs(product.imag).max(axis=-1, keepdims=True) > REAL * largest, np.nan, product.real)
    scaled: Array = real / np.abs(real).max(axis=-1, keepdims=True)
    return scaled


def _products(first: npt.NDArray[Scalar], second: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Products of polynomials, coefficients in the last dimension."""
    product = np.zeros((*first.shape[:-1], first.shape[-1] + second.shape[-1] - 1), first.dtype)
    for power in range(first.shape[-1]):
        product[..., power:power + second.shape[-1]] += first[..., power, None] * second
    return product


def _exact(taps: Array, first: Array, second: Array) -> bool:
    """Are the products of the factors the taps, in every channel?"""
    return bool((np.abs(_products(first, second) - taps).sum(axis=1) <= EXACT * np.abs(taps).sum(axis=1)).all())
