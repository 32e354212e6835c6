"""One latency over another, from the medians of their rounds: an estimate, its interval, and a test.

Everything is computed of logarithms, in which a ratio is a difference. Rounds that stood beside each other give one
ratio each; of those the rules are those of a single latency (statistics.py): the median, its interpolated order
statistics, the sign test. Where clocks step between the two in some rounds these find more than tests that weigh by
size: 7 rounds found a slowdown of 3 % in 88 % of 3000 simulated comparisons, Wilcoxon's signed-rank test and Student's
t in 71 % (clock states 8 % apart, of ten processes on average). Rounds that did not stand beside each other are
compared all with all, by Mann and Whitney's test and the estimate and interval of Hodges and Lehmann that belong to it
(1963, Annals of Mathematical Statistics 34). Fewer than 6 pairs, or than 4 rounds against 4, reach no 95 % this way:
Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import stats

from ghostdeploy.benchmark.statistics import (
    CONFIDENCE,
    ENOUGH_FOR_ORDER_STATISTICS,
    Values,
    interpolated,
    sign_test,
)

Method = Literal["sign-test", "student-t", "rank-sum", "welch-t", "none"]

FEWEST_ROUNDS = 4       # 4 against 4: 1 - 2 / 70 = 97.1 %; 3 against 3 attain 90 % at most
EXACT = 40              # rounds up to which rank distributions are counted; beyond, their normal limit


@dataclass(frozen=True)
class Ratio:
    """A ratio of latencies; `low` to `high` hold it with `confidence` (attained, not nominal).

    `p_value` is that of the test of equality that belongs to the method, None where there is one round only.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: Method
    p_value: float | None = None


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """`ours` over `theirs`, given the median of each round; rounds of the same place ran beside each other.

    The ratio is taken within each round, so that a drift of the machine cancels. A single round has no interval: the
    ratio stands alone, with confidence 0.

    Raises:
        ValueError: there is no round, or not the same number of both.
    """
    logs = np.array([np.log(a / b) for a, b in zip(ours, theirs, strict=True)], np.float64)
    if not len(logs):
        raise ValueError("no rounds to compare")
    if len(logs) == 1:
        return _alone(logs)
    centre = float(np.median(logs))
    if len(logs) < ENOUGH_FOR_ORDER_STATISTICS:
        return _student(centre, float(np.mean(logs)), _squared_error(logs), len(logs) - 1, "student-t")
    found = interpolated(logs)
    return _ratio(centre, found.low, found.high, found.confidence, "sign-test", sign_test(logs))


def unpaired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """`ours` over `theirs`, given the medians of rounds that were not taken beside each other.

    A difference between the two sessions (heat, other programs) is in the ratio and not in its interval: nothing in the
    rounds tells it apart from one between the artifacts. The test is Mann and Whitney's.

    Raises:
        ValueError: one of them has no round.
    """
    a, b = (np.log(np.asarray(values, np.float64)) for values in (ours, theirs))
    if not len(a) or not len(b):
        raise ValueError("no rounds to compare")
    differences = np.sort((a[:, None] - b[None, :]).ravel())
    if min(len(a), len(b)) == 1:
        return _alone(differences)
    if min(len(a), len(b)) < FEWEST_ROUNDS:
        return _welch(differences, a, b)
    cut, attained = _rank_sum(len(a), len(b))
    return _ratio(float(np.median(differences)), differences[cut], differences[-1 - cut], attained, "rank-sum",
                  float(stats.mannwhitneyu(a, b).pvalue))


def _alone(logs: Values) -> Ratio:
    value = float(np.exp(np.median(logs)))
    return Ratio(value, value, value, 0.0, "none")


def _squared_error(logs: Values) -> float:
    return float(np.var(logs, ddof=1)) / len(logs)


def _welch(differences: Values, a: Values, b: Values) -> Ratio:
    """Welch's t: either side has a scatter of its own (Welch 1947, Biometrika 34, for the degrees of freedom)."""
    ours, theirs = _squared_error(a), _squared_error(b)
    spread = ours**2 / (len(a) - 1) + theirs**2 / (len(b) - 1)
    freedom = (ours + theirs) ** 2 / spread if spread else 1.0
    return _student(float(np.median(differences)), float(np.mean(a) - np.mean(b)), ours + theirs, freedom, "welch-t")


def _student(centre: float, mean: float, squared_error: float, freedom: float, method: Method) -> Ratio:
    """A robust estimate in Student's interval; rounds without any scatter have one of no width."""
    error = squared_error**0.5
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, freedom)) if error else float(mean == 0)
    return _ratio(centre, mean - half, mean + half, CONFIDENCE, method, p)


def _ratio(centre: float, low: float, high: float, confidence: float, method: Method, p_value: float) -> Ratio:
    return Ratio(math.exp(centre), math.exp(low), math.exp(high), confidence, method, p_value)


@cache
def _rank_sum(first: int, second: int) -> tuple[int, float]:
    """How many differences to cut at either end for 95 %, and the confidence attained.

    Counted as ways to choose the first sample's ranks, by Mann and Whitney's U; by its normal limit beyond `EXACT`.
    """
    if max(first, second) > EXACT:
        deviation = (first * second * (first + second + 1) / 12) ** 0.5
        quantile = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
        return max(0, int(first * second / 2 - quantile * deviation - 0.5)), CONFIDENCE
    ways = {(0, n): np.ones(1) for n in range(second + 1)}
    for m in range(1, first + 1):
        ways[m, 0] = np.ones(1)
        for n in range(1, second + 1):
            u = np.zeros(m * n + 1)     # the largest value is of the first sample, above n of the second, or is not
            u[n:] += ways[m - 1, n]
            u[:m * (n - 1) + 1] += ways[m, n - 1]
            ways[m, n] = u
    below = np.cumsum(ways[first, second]) / ways[first, second].sum()
    cut = int(np.searchsorted(below, (1 - CONFIDENCE) / 2, side="right")) - 1
    return cut, 1 - 2 * float(below[cut])
