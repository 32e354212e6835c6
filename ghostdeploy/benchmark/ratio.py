"""One latency over another, measured in one interleaved run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ghostdeploy.benchmark import statistics
from ghostdeploy.benchmark.statistics import Method


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians; `low` to `high` hold it with `confidence`."""

    value: float
    low: float
    high: float
    confidence: float
    method: Method


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """`ours` over `theirs`, given the median of each round; rounds of the same place ran within a minute of each other.

    The ratio is taken within each round, so that a drift of the machine cancels; the headline is the median of those,
    and its interval follows from them by `statistics.interval`. A single round has no interval: the ratio stands alone,
    with confidence 0.

    Raises:
        ValueError: there is no round, or not the same number of both.
    """
    values = [a / b for a, b in zip(ours, theirs, strict=True)]
    if not values:
        raise ValueError("no rounds to compare")
    if len(values) == 1:
        return Ratio(values[0], values[0], values[0], 0.0, "order-statistics-rounds")
    found = statistics.interval([[value] for value in values])
    return Ratio(float(np.median(values)), found.low, found.high, found.confidence, found.method)
