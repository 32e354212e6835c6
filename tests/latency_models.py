"""Latencies made by chance, with a truth that is known: what the statistics are tried on.

Each model makes what one interleaved run of two artifacts looks like: `rounds` rounds of 100 runs each, A and B in the
order of `bench`, B truly `factor` times as slow. The sizes of the disturbances are those seen on busy two-core
machines and on phones (executorch#8603: little scatter within a process, much between; clocks that step by 8 %).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from ghostdeploy.benchmark.protocol import orders

Levels = npt.NDArray[np.float64]
Generator = np.random.Generator

BASE_NS = 5e6
RUNS = 100
PROCESS = 0.005     # one standard deviation between processes: memory layout, what else runs
RUN = 0.01          # between runs


@dataclass(frozen=True)
class LatencyModel:
    """How a machine disturbs. `level` gives one factor for each process of a session, in order; `noise` one a run."""

    name: str
    level: Callable[[Generator, int], Levels]
    noise: Callable[[Generator], Levels]

    def session(self, random: Generator, rounds: int, factor: float) -> tuple[list[Levels], list[Levels]]:
        """Samples of each round of A and of B, in nanoseconds."""
        levels = self.level(random, 2 * rounds)
        samples: tuple[list[Levels], list[Levels]] = ([], [])
        drawn = orders(2, str(random.integers(1 << 60)))
        for place, index in enumerate(chain.from_iterable(islice(drawn, rounds))):
            truth = BASE_NS * (factor if index else 1.0)
            samples[index].append(truth * levels[place] * self.noise(random))
        return samples


def _steady(random: Generator, count: int) -> Levels:
    return np.exp(random.normal(0, PROCESS, count))


def _drifting(random: Generator, count: int) -> Levels:
    """A phone that warms up: 8 % slower at the end than at the start."""
    return _steady(random, count) * np.linspace(1.0, 1.08, count)


def _stepping(random: Generator, count: int) -> Levels:
    """Two clock states, 8 % apart; each lasts twenty processes on average, a minute or so.

    Where each lasts ten, 7 rounds find a slowdown of 3 % in 89 % of comparisons.
    """
    slow = np.cumsum(random.random(count) < 0.05) + random.integers(2)
    return _steady(random, count) * np.where(slow % 2, 1.08, 1.0)


def _scattered(random: Generator, count: int) -> Levels:
    """Processes that differ with heavy tails: Student's t with 3 degrees of freedom."""
    return np.exp(PROCESS * random.standard_t(3, count))


def _even(random: Generator) -> Levels:
    return np.exp(random.normal(0, RUN, RUNS))


def _spiky(random: Generator) -> Levels:
    """One run in ten is interrupted, for up to many times its own length (Pareto's distribution)."""
    return _even(random) + (random.random(RUNS) < 0.1) * random.pareto(1.5, RUNS)


def _sticky(random: Generator) -> Levels:
    """Runs that resemble the one before: a first-order autoregression of 0.9, whose shocks are `RUN`."""
    noise: Levels = lfilter([1.0], [1.0, -0.9], random.normal(0, RUN, RUNS))
    return np.exp(noise)


MODELS = (
    LatencyModel("steady", _steady, _even),
    LatencyModel("drift", _drifting, _even),
    LatencyModel("bimodal-clocks", _stepping, _even),
    LatencyModel("heavy-tails", _scattered, _spiky),
    LatencyModel("autocorrelated", _steady, _sticky),
)
