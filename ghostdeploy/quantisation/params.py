"""How int8 stands for real numbers: `real = scale * (stored - zero_point)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from ghostdeploy.quantisation.rounding import rounded

LOWEST, HIGHEST = -128, 127
# Weights are symmetric: -128 is left out, so that they are as exact below zero as above (the TFLite specification
# demands it, XNNPACK relies on it).
WEIGHT_LIMIT: Final = 127
# A bias is int32 in steps of input scale x weight scale; half of its range is left to what is accumulated.
BIAS_LIMIT: Final = float(2**30)
# Of the whole range, what is tried to be kept.
SHARES: Final = tuple(float(share) for share in np.linspace(1.0, 0.3, 36))
# Steps around zero may be so much wider than the values: a third of a bit. Photographs, normalised as ImageNet's, lie
# from -2.1 to 2.6: 1.11.
CENTRED: Final = 1.25
# Half of what XNNPACK refuses.
MOST_RATIO: Final = 128.0
SMALLEST: Final = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class QuantParams:
    """Of one tensor. `scale` is a float32 number, so that every file holds the very same."""

    scale: float
    zero_point: int

    def error(self, values: npt.NDArray[Any]) -> float:
        """Mean square of what rounding and clipping do to `values`."""
        stored = np.clip(np.rint(values / self.scale) + self.zero_point, LOWEST, HIGHEST)
        return float(np.mean(np.square((stored - self.zero_point) * self.scale - values)))


# Of a value that was 0 in every calibration image: a channel's worth of ReLUs that trained themselves shut, in a
# squeeze-and-excitation layer of GhostNetV3 0.5x on CIFAR-10. Any step would do; it has to stay near those around it.
NEVER_SEEN: Final = QuantParams(float(np.float32(1 / HIGHEST)), 0)
# 0 to 255/256: what an int8 sigmoid makes (TFLite's specification of LOGISTIC).
OF_SIGMOIDS: Final = QuantParams(1 / 256, LOWEST)


def at_least(steps: QuantParams, source: QuantParams, weight: npt.NDArray[np.float32]) -> QuantParams:
    """The steps, widened where a layer could not round what it accumulates to them.

    XNNPACK multiplies sums by input scale x weight scale / output scale, which has to be under 256; LiteRT 2.3 ended
    the process (a double free) where it was not. Values so much smaller than one step of the sum are its rounding.
    """
    largest = float(np.abs(weight).max(initial=0.0)) / WEIGHT_LIMIT
    least = float(np.float32(source.scale * largest / MOST_RATIO))
    return steps if steps.scale >= least else QuantParams(least, steps.zero_point)


def of_elements(low: float, high: float, elements: npt.NDArray[Any]) -> QuantParams:
    """The steps that lose least: a few outliers may be clipped where everything else then gets finer steps.

    EfficientNet-Lite0, activations alone in int8, 186 photos: top-1 agrees on 97.8 % instead of 94.1 % with steps from
    end to end.
    """
    values = elements.astype(np.float64)
    tried = [of_range(low * share, high * share) for share in SHARES]
    return min(tried, key=lambda steps: steps.error(values))


def ends(low: float, high: float, *, centred: bool) -> tuple[float, float]:
    """The ends of steps for values from `low` to `high`; around zero where that is wanted and costs little."""
    reach = max(-low, high)
    return (-reach, reach) if centred and 2 * reach <= CENTRED * (high - low) else (low, high)


def of_range(low: float, high: float) -> QuantParams:
    """The 256 steps that span `low` to `high` and hold 0 exactly (padding is made of zeros); as 0 where equally far."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return NEVER_SEEN
    if low == -high:
        return QuantParams(max(float(np.float32(high / HIGHEST)), SMALLEST), 0)
    scale = max(float(np.float32((high - low) / (HIGHEST - LOWEST))), SMALLEST)
    return QuantParams(scale, int(np.clip(np.rint(LOWEST - low / scale), LOWEST, HIGHEST)))


@dataclass(frozen=True, eq=False)
class QuantWeights:
    """A weight in int8, one scale per output channel (axis 0), zero points 0, and its bias in int32.

    Attributes:
        values: int8, shaped as the weight.
        scales: float32 [out].
        bias: int32 [out], in steps of the input's scale times `scales`.
        offset: the same bias in float32, before it is rounded.
    """

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32]
    offset: npt.NDArray[np.float32]


def weights(weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], source: QuantParams,
            means: npt.NDArray[np.float64], moments: torch.Tensor) -> QuantWeights:
    """Quantise a weight [out, in / groups, *kernel] and its bias for an input in steps of `source`.

    They are rounded for what they see (`rounding`, `moments`). What they still make wrong on average, for inputs of
    these channel `means`, is taken out of the bias (Nagel et al. 2019, "Data-Free Quantization Through Weight
    Equalization and Bias Correction", section 4.2; EfficientNet-Lite0: 22.5 instead of 18.1 dB with weights alone in
    int8, rounded to the nearest). A channel of tiny weights under a large bias gets larger steps than its weights need:
    the bias must fit into int32.
    """
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    least = np.abs(bias.astype(np.float64)) / (BIAS_LIMIT * source.scale)
    scales = np.maximum(np.maximum(np.abs(flat).max(1) / WEIGHT_LIMIT, least), SMALLEST).astype(np.float32)
    wide = scales.astype(np.float64)[:, None]
    stored = rounded(flat, scales, moments, WEIGHT_LIMIT)
    offset = bias.astype(np.float64) - _shift((stored * wide - flat).reshape(weight.shape), means)
    return QuantWeights(stored.astype(np.int8).reshape(weight.shape), scales,
                        np.rint(offset / (wide[:, 0] * source.scale)).astype(np.int32), offset.astype(np.float32))


def _shift(error: npt.NDArray[np.float64], means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What a weight's error [out, in / groups, *kernel] adds to each output channel, on average; padding left aside."""
    taps = error.reshape(*error.shape[:2], -1).sum(-1)
    groups = len(means) // taps.shape[1]
    grouped: npt.NDArray[np.float64] = np.einsum("goi,gi->go", taps.reshape(groups, -1, taps.shape[1]),
                                                 means.reshape(groups, -1))
    return grouped.reshape(-1)
