"""Windows that slide over a map: what ATen's padding is in TFLite's terms.

TFLite knows VALID and SAME. SAME pads max((out - 1) * stride + kernel - in, 0) in total, the smaller half in front;
that is ATen's symmetric padding only for some sizes (never for even inputs with stride 2 and an odd kernel).
Everywhere else the padding is written as an operator of its own and the window is VALID; XNNPACK fuses a zero PAD into
a convolution again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Pair = tuple[int, int]


class Padding(Enum):
    """How the padding of a window is expressed."""

    VALID = "valid"
    SAME = "same"
    EXPLICIT = "explicit"


@dataclass(frozen=True)
class Window:
    """Geometry over height and width. `kernel` spans dilation; `before` is ATen's padding in front."""

    size: Pair
    out: Pair
    kernel: Pair
    stride: Pair
    before: Pair

    @property
    def after(self) -> Pair:
        """Padding behind that the last window reaches (ATen may pad more and ignore it, or reach further with ceil)."""
        missing = [(o - 1) * s + k - p - i
                   for i, o, k, s, p in zip(self.size, self.out, self.kernel, self.stride, self.before, strict=True)]
        return max(missing[0], 0), max(missing[1], 0)

    @property
    def padding(self) -> Padding:
        """The cheapest exact way to express the padding."""
        if not any(self.before) and not any(self.after):
            return Padding.VALID
        return Padding.SAME if all(self._is_same(axis) for axis in range(2)) else Padding.EXPLICIT

    def _is_same(self, axis: int) -> bool:
        size, out, kernel, stride = self.size[axis], self.out[axis], self.kernel[axis], self.stride[axis]
        total = max((out - 1) * stride + kernel - size, 0)
        return out == -(-size // stride) and total // 2 == self.before[axis]


def spanned(kernel: Pair, dilation: Pair) -> Pair:
    """Extent of a dilated kernel."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1
