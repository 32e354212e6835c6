"""Room for squares in float16."""

from __future__ import annotations

import math

SMALLEST_EXPONENT = -24     # of a float16 that is not zero
MOST_HALVINGS = 4           # room for values up to 4096, sixteen times what there is without; a choice


def before_squaring(epsilon: float) -> float:
    """The power of two to multiply values with before they are squared for a variance in float16.

    Squares beyond 256 are infinite there: a layer norm of inputs up to 423 came out half wrong, and up to 1969 wholly
    (TFLite 2.14 under qemu). How far down is bounded by epsilon, which shrinks by the square: where it becomes zero,
    the norm of a constant is 0 / 0.
    """
    halvings = math.floor((math.log2(epsilon) - SMALLEST_EXPONENT) / 2) if epsilon > 0 else 0
    return 2.0 ** -min(max(halvings, 0), MOST_HALVINGS)
