"""Statistics: what must hold for any samples, and coverage that is measured, not believed."""

from __future__ import annotations

import math
import statistics as plain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostdeploy.benchmark import statistics

NS = st.integers(1, 10**10)
ROUND = st.lists(NS, min_size=1, max_size=40)
ROUNDS = st.lists(ROUND, min_size=1, max_size=9)


@given(ROUNDS)
def test_the_headline_is_the_median_of_round_medians(rounds: list[list[int]]) -> None:
    assert statistics.median_of_medians(rounds) == plain.median(plain.median(r) for r in rounds)


@settings(max_examples=60, deadline=None)
@given(ROUNDS)
def test_an_interval_encloses_its_headline(rounds: list[list[int]]) -> None:
    found, headline = statistics.interval(rounds), statistics.median_of_medians(rounds)
    assert found.low <= headline * (1 + 1e-12) and headline <= found.high * (1 + 1e-12)
    assert found.low >= 0
    assert found.confidence >= 0.95 or (len(rounds) == 1 and len(rounds[0]) < 6)


@settings(max_examples=30, deadline=None)
@given(st.lists(ROUND, min_size=6, max_size=12))
def test_order_statistics_stay_within_what_was_seen(rounds: list[list[int]]) -> None:
    found, medians = statistics.interval(rounds), statistics.round_medians(rounds)
    assert medians.min() <= found.low and found.high <= medians.max()


@settings(max_examples=30, deadline=None)
@given(ROUNDS, st.integers(2, 50))
def test_everything_scales_with_the_clock(rounds: list[list[int]], factor: int) -> None:
    scaled = [[value * factor for value in r] for r in rounds]
    one, other = statistics.interval(rounds), statistics.interval(scaled)
    assert other.low == pytest.approx(one.low * factor, rel=1e-9)
    assert other.high == pytest.approx(one.high * factor, rel=1e-9)
    assert statistics.deviation(scaled) == pytest.approx(statistics.deviation(rounds) * factor, rel=1e-9, abs=1e-3)
    assert statistics.percentile(scaled, 99) == pytest.approx(statistics.percentile(rounds, 99) * factor)


@given(ROUNDS)
def test_the_percentiles_are_ordered(rounds: list[list[int]]) -> None:
    values = [statistics.percentile(rounds, share) for share in (0, 50, 90, 99, 100)]
    assert values == sorted(values)
    assert values[0] == min(map(min, rounds)) and values[-1] == max(map(max, rounds))


@given(ROUNDS)
def test_the_order_of_the_rounds_does_not_matter(rounds: list[list[int]]) -> None:
    assert statistics.median_of_medians(rounds) == statistics.median_of_medians(rounds[::-1])


@pytest.mark.parametrize(("count", "method"), [(1, "order-statistics-runs"), (2, "student-t-rounds"),
                                               (5, "student-t-rounds"), (6, "order-statistics-rounds")])
def test_the_method_is_named(count: int, method: str) -> None:
    assert statistics.interval([[10, 11, 12]] * count).method == method


@pytest.mark.parametrize("count", [1, 2, 5])
def test_rounds_without_any_scatter(count: int) -> None:
    found = statistics.interval([[7] * 9] * count)
    assert (found.low, found.high) == (7, 7)


def test_the_same_samples_give_the_same_interval() -> None:
    rounds = [[100 + 7 * i + j for j in range(5)] for i in range(6)]
    assert statistics.interval(rounds) == statistics.interval(rounds)


def test_the_t_interval_is_the_textbooks() -> None:
    # Three means 10, 12, 14: sd 2, t(0.975, 2) = 4.3027.
    found = statistics.interval([[10], [12], [14]])
    assert found.high - 12 == pytest.approx(4.3027 * 2 / math.sqrt(3), rel=1e-4)


def test_the_t_interval_is_around_the_mean() -> None:
    """Around the median, with the width that belongs to the mean, 3 rounds covered 93.6 % only."""
    found = statistics.interval([[10], [11], [18]])
    assert (found.low + found.high) / 2 == pytest.approx(13) and found.low < 11 < found.high


def test_the_order_statistics_are_the_sign_tests() -> None:
    """For 100 values the textbook's ranks are 40 and 61, at 96.5 %."""
    found = statistics.interval([list(range(1, 101))])
    assert (found.low, found.high) == (40, 61) and found.confidence == pytest.approx(0.9648, abs=1e-4)


@pytest.mark.parametrize(("runs", "attained"), [(1, 0.0), (2, 0.5), (5, 0.9375), (6, 0.96875)])
def test_few_runs_do_not_claim_95_percent(runs: int, attained: float) -> None:
    assert statistics.interval([list(range(1, runs + 1))]).confidence == attained


@pytest.mark.parametrize(("count", "shape"), [(3, "normal"), (3, "lognormal"), (5, "normal"), (5, "lognormal"),
                                              (11, "lognormal")])
def test_the_interval_covers_the_truth_as_often_as_it_says(count: int, shape: str) -> None:
    """10 000 simulated measurements: 95 % less 2.5 standard errors is 94.46 %.

    What 5 rounds span covers 93.75 %, a percentile bootstrap of 11 rounds 93.6 %.
    """
    random = np.random.default_rng(count)
    covered = 0
    for _ in range(10_000):
        noise = random.normal(0, 0.03, count)
        medians = 1e6 * (1 + noise if shape == "normal" else np.exp(noise))
        found = statistics.interval([[round(m)] for m in medians])
        covered += found.low <= 1e6 <= found.high
    assert covered / 10_000 >= 0.9446


def test_runs_within_a_round_do_not_count_as_rounds() -> None:
    """Rounds that differ by 10 %, each with a thousand runs of hardly any scatter: the interval must show the 10 %."""
    random = np.random.default_rng(0)
    centres = (1.0e6, 1.1e6, 1.0e6, 1.1e6, 1.05e6)
    rounds = [[int(centre + random.normal(0, 100)) for _ in range(1000)] for centre in centres]
    found = statistics.interval(rounds)
    assert found.high - found.low > 0.09e6


@given(st.lists(st.integers(10**6, 10**6 + 1000), min_size=5, max_size=60), st.integers(0, 59))
def test_a_spike_is_flagged_in_its_place(samples: list[int], at: int) -> None:
    at %= len(samples)
    spiked = [*samples[:at], 10**9, *samples[at:]]
    assert at in statistics.outliers(spiked)


@given(st.lists(st.integers(1_000_000, 1_000_010), min_size=1, max_size=60))
def test_what_lies_close_is_no_outlier(samples: list[int]) -> None:
    assert all(abs(samples[i] - plain.median(samples)) > 14.826 * 0.5 for i in statistics.outliers(samples))


def test_equal_runs_have_no_outliers() -> None:
    assert statistics.outliers([5] * 50) == ()
    assert statistics.outliers([5] * 50 + [5000]) == (50,)


@given(ROUNDS, st.integers(1, 30))
def test_a_histogram_counts_every_run(rounds: list[list[int]], bins: int) -> None:
    low, high, counts = statistics.histogram(rounds, bins)
    assert sum(counts) == sum(map(len, rounds)) and low <= high
    assert len(counts) in (1, bins)


def test_a_drift_is_that_of_the_thirds() -> None:
    rising = [100.0] * 10 + [103.0] * 10 + [106.0] * 10
    assert statistics.drift([rising]) == pytest.approx(0.06)
    assert statistics.drift([rising[::-1]]) == pytest.approx(100 / 106 - 1)
    assert statistics.drift([[1.0, 2.0]]) == 0.0
    spiky = [100.0] * 30
    spiky[2] = spiky[25] = 9000.0
    assert statistics.drift([spiky]) == 0.0
    assert statistics.drift([[100.0] * 30, rising, [100.0] * 30]) == 0.0      # one round in three is no drift
