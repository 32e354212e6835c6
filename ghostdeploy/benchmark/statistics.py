"""Every rule by which samples become numbers, each with its source. Times in and out in nanoseconds.

Runs within a round are not independent (one process, one clock state, one memory layout), so the round is the unit:
the headline is the median of the round medians, and its interval comes from the rounds alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95

# Below this many values no order statistics reach 95 %: all n values enclose the median with probability 1 - 2 / 2^n
# only, which is 93.75 % for 5. A bootstrap over rounds is no way out: its intervals lie within the same range (one by
# percentiles covered 93.7 % with 5 rounds and 93.6 % with 11 in 20 000 simulations, whatever its nominal 95 %).
ENOUGH_FOR_ORDER_STATISTICS = 6

# hyperfine, outlier_detection.rs: 10 standard deviations of a normal distribution, in units of the plain MAD.
OUTLIER_MADS = 14.826

Method = Literal["order-statistics-rounds", "student-t-rounds", "order-statistics-runs"]
Samples = Sequence[Sequence[float]]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval of the median, and what it rests on. `confidence` is attained, not nominal."""

    low: float
    high: float
    confidence: float
    method: Method


def round_medians(rounds: Samples) -> Values:
    """The median of each round, and all else is of these: runs of a process are not independent (executorch#8603)."""
    return np.array([np.median(samples) for samples in rounds], np.float64)


def median_of_medians(rounds: Samples) -> float:
    """The headline. A median of medians moves neither with slow runs in a round nor with a bad round among several."""
    return float(np.median(round_medians(rounds)))


def interval(rounds: Samples) -> Interval:
    """An interval of the headline with 95 % confidence; of one round, with what its runs attain.

    From 6 rounds on, interpolated order statistics of the round medians, which assume next to nothing of their
    distribution; with 2 to 5, Student's t on the round medians, which pays for few rounds with width instead of with
    coverage, and takes them for normal; with one, only the scatter of its runs is known, and the method says so (below
    6 runs the confidence is less than 95 %). Coverage is measured in tests/test_calibration.py.
    """
    medians = round_medians(rounds)
    if len(medians) >= ENOUGH_FOR_ORDER_STATISTICS:
        return interpolated(medians)
    if len(medians) > 1:
        return _student(medians)
    return _order_statistics(np.asarray(rounds[0], np.float64), "order-statistics-runs")


def _student(medians: Values) -> Interval:
    """Student's t interval (1908, Biometrika 6) of the mean of the round medians: around the mean, where it covers.

    The headline, their median, lies inside all the same: it is within one standard deviation of the mean, and half the
    interval is 1.24 of them for 5 rounds, more for fewer.
    """
    half = _t_quantile(len(medians) - 1) * float(np.std(medians, ddof=1)) / math.sqrt(len(medians))
    centre = float(np.mean(medians))
    return Interval(max(0.0, centre - half), centre + half, CONFIDENCE, "student-t-rounds")


def interpolated(values: Values) -> Interval:
    """Order statistics, interpolated to 95 % (Hettmansperger and Sheather 1986, Statistics & Probability Letters 4).

    Of `ENOUGH_FOR_ORDER_STATISTICS` values and more. The ends lie between the innermost rank that attains 95 % and the
    next one inwards, which does not: with 7 rounds 98.4 and 87.5 %. Skewed, heavy-tailed and bimodal values are covered
    in 94 to 96 % (tests/test_calibration.py).
    """
    ordered, n = np.sort(values), len(values)
    rank, attained = _rank(n)
    inner = _enclosed(rank + 1, n)
    excess = (attained - CONFIDENCE) / (attained - inner)
    weight = (n - rank) * excess / (rank + (n - 2 * rank) * excess)
    low = (1 - weight) * ordered[rank - 1] + weight * ordered[rank]
    high = (1 - weight) * ordered[n - rank] + weight * ordered[n - rank - 1]
    return Interval(float(low), float(high), CONFIDENCE, "order-statistics-rounds")


def sign_test(values: Values) -> float:
    """Probability of a median as far from 0 as this where the true one is 0: the sign test, interpolated alike.

    It is 5 % where an end of the interval of `interpolated` is 0, so the two never contradict each other.
    """
    ordered, n = np.sort(values if np.median(values) >= 0 else -values), len(values)
    below = int(np.sum(ordered < 0))        # 0 lies between the order statistics `below` and `below + 1`
    if not np.median(values) or 2 * below >= n:
        return 1.0
    if below == 0:
        return 1 - _enclosed(1, n)
    weight = -ordered[below - 1] / (ordered[below] - ordered[below - 1])
    excess = weight * below / (n - below - weight * (n - 2 * below))
    return float(1 - (1 - excess) * _enclosed(below, n) - excess * _enclosed(below + 1, n))


def _order_statistics(values: Values, method: Method) -> Interval:
    """The order statistics that enclose the median (the sign test's interval: Conover 1999, section 3.2).

    It takes the values for independent. Rounds are; the runs of one round are not, and say nothing of other rounds:
    from those it is too narrow, by how much cannot be known.
    """
    ordered, n = np.sort(values), len(values)
    rank, attained = _rank(n)
    return Interval(float(ordered[rank - 1]), float(ordered[n - rank]), attained, method)


def _enclosed(rank: int, count: int) -> float:
    """How often the order statistics of this rank, from both ends, enclose the median."""
    return max(0.0, 1 - 2 * float(stats.binom.cdf(rank - 1, count, 0.5)))


@cache
def _t_quantile(freedom: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


@cache
def _rank(count: int) -> tuple[int, float]:
    """The highest rank whose order statistics, from both ends, still enclose the median at 95 %; and what they attain.

    Rank 1 where none does.
    """
    rank = max(1, int(stats.binom.ppf((1 - CONFIDENCE) / 2, count, 0.5)))
    return rank, _enclosed(rank, count)


def percentile(rounds: Samples, share: float) -> float:
    """Percentile over the runs of all rounds, linearly interpolated (Hyndman and Fan's type 7, NumPy's default)."""
    return float(np.percentile(pooled(rounds), share))


def pooled(rounds: Samples) -> Values:
    """The runs of all rounds, in order."""
    return np.concatenate([np.asarray(samples, np.float64) for samples in rounds])


def deviation(rounds: Samples) -> float:
    """Standard deviation over all runs (n - 1 in the denominator); 0 for a single run."""
    values = pooled(rounds)
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def drift(rounds: Samples) -> float:
    """How much slower the last third of a round's runs is than the first, relative; the median over the rounds.

    Medians of thirds, so that no outlier is taken for a drift (Tukey's resistant line takes thirds for the same reason:
    Exploratory Data Analysis, 1977); 0 for rounds of fewer than 3 runs. It is a size and no test: runs that
    resemble each other fool every test of trends.
    """
    values = [np.asarray(samples, np.float64) for samples in rounds if len(samples) >= 3]
    thirds = [(np.median(v[:len(v) // 3]), np.median(v[-(len(v) // 3):])) for v in values]
    return float(np.median([last / first - 1 for first, last in thirds])) if thirds else 0.0


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
