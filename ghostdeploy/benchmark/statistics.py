"""Every rule by which samples become numbers, each with its source. Times in and out in nanoseconds.

Runs within a round are not independent (one process, one clock state, one memory layout), so the round is the unit:
the headline is the median of the round medians, and its interval comes from the rounds alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 20_000
SEED = 20_240_229       # any; fixed, so that the same samples always give the same interval

# Below this many rounds resampling cannot reach 95 %: all intervals of n values lie within their range, and the range
# covers the median with probability 1 - 2 / 2^n only: 50 % for 2 rounds, 75 % for 3, 87.5 % for 4, 93.75 % for 5.
ROUNDS_FOR_BOOTSTRAP = 5

# hyperfine, outlier_detection.rs: 10 standard deviations of a normal distribution, in units of the plain MAD.
OUTLIER_MADS = 14.826

Method = Literal["bootstrap-rounds", "student-t-rounds", "order-statistics-runs"]
Samples = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Interval:
    """A confidence interval of the median, and what it rests on."""

    low: float
    high: float
    confidence: float
    method: Method


def round_medians(rounds: Samples) -> npt.NDArray[np.float64]:
    """The median of each round."""
    return np.array([np.median(samples) for samples in rounds], np.float64)


def median_of_medians(rounds: Samples) -> float:
    """The headline. A median of medians moves neither with slow runs in a round nor with a bad round among several."""
    return float(np.median(round_medians(rounds)))


def interval(rounds: Samples) -> Interval:
    """A 95 % interval of the headline.

    From 5 rounds on, a bootstrap over rounds; with 2 to 4, Student's t on the round medians, which pays for few rounds
    with width instead of with coverage; with one, only the scatter of its runs is known, and the method says so.
    """
    medians = round_medians(rounds)
    if len(medians) >= ROUNDS_FOR_BOOTSTRAP:
        return _bootstrap(medians)
    if len(medians) > 1:
        return _student(medians)
    return _order_statistics(rounds[0])


def _bootstrap(medians: npt.NDArray[np.float64]) -> Interval:
    """Percentile bootstrap of the median, with percentiles expanded for few values.

    Plain percentiles are too narrow for small n. Source of the correction: Hesterberg 2015, "What Teachers Should Know
    About the Bootstrap", section 4.3: replace alpha/2 by Phi(-sqrt(n/(n-1)) t[alpha/2, n-1]).
    """
    n = len(medians)
    tail = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
    found = stats.bootstrap((medians,), np.median, confidence_level=1 - 2 * tail, n_resamples=RESAMPLES,
                            method="percentile", vectorized=True, rng=np.random.default_rng(SEED))
    low, high = found.confidence_interval
    return Interval(float(low), float(high), CONFIDENCE, "bootstrap-rounds")


def _student(medians: npt.NDArray[np.float64]) -> Interval:
    """Student's t interval of the mean of the round medians, moved onto their median, the headline."""
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(medians) - 1) * stats.sem(medians))
    centre = float(np.median(medians))
    return Interval(max(0.0, centre - half), centre + half, CONFIDENCE, "student-t-rounds")


def _order_statistics(samples: Sequence[int]) -> Interval:
    """The order statistics that enclose the median of one round (the sign test's interval: Conover 1999, section 3.2).

    It takes the runs for independent and says nothing of other rounds: it is too narrow, by how much cannot be known.
    """
    ordered, n = sorted(samples), len(samples)
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    return Interval(float(ordered[max(rank - 1, 0)]), float(ordered[min(n - rank, n - 1)]), CONFIDENCE,
                    "order-statistics-runs")


def percentile(rounds: Samples, share: float) -> float:
    """Percentile over the runs of all rounds, linearly interpolated (Hyndman and Fan's type 7, NumPy's default)."""
    return float(np.percentile(pooled(rounds), share))


def pooled(rounds: Samples) -> npt.NDArray[np.float64]:
    """The runs of all rounds, in order."""
    return np.concatenate([np.asarray(samples, np.float64) for samples in rounds])


def deviation(rounds: Samples) -> float:
    """Standard deviation over all runs (n - 1 in the denominator); 0 for a single run."""
    values = pooled(rounds)
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def outliers(samples: Sequence[int]) -> tuple[int, ...]:
    """Indices of runs further from their round's median than `OUTLIER_MADS` median absolute deviations.

    They are flagged and stay in. Source: Iglewicz and Hoaglin 1993 (modified z-scores), threshold from hyperfine.
    Where more than half of the runs are equal the MAD is 0; the clock's resolution, 1 ns, stands in for it.
    """
    values = np.asarray(samples, np.float64)
    distance = np.abs(values - np.median(values))
    return tuple(int(i) for i in np.flatnonzero(distance > OUTLIER_MADS * max(float(np.median(distance)), 1.0)))


def histogram(rounds: Samples, bins: int) -> tuple[float, float, tuple[int, ...]]:
    """Counts of runs in `bins` equal steps from the minimum to the 99th percentile; slower ones are in the last.

    Returns the two ends beside the counts.
    """
    values = pooled(rounds)
    low, high = float(values.min()), float(np.percentile(values, 99))
    if high <= low:
        return low, high, (len(values),)
    counts, _ = np.histogram(np.minimum(values, high), bins=bins, range=(low, high))
    return low, high, tuple(int(c) for c in counts)
