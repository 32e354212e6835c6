"""When a model is warm: AndroidX Benchmark's rule, with its constants.

Source: androidx.benchmark `WarmupManager.kt`. A fast and a slow exponential moving average of the run time agree within
4 % for more than 40 runs in a row; never before 30 runs and 250 ms; given up after 8 s of summed run time.

Two differences. The cold first run is reported by itself and does not seed the averages: a slow first run would keep
the slow average high for hundreds of runs (at weight 0.005 its half-life is 138 runs). And 8 s suit microbenchmarks: a
perfectly steady model of 200 ms a run has not had 42 runs by then. So none is given up before 100 runs, as many as a
round times by default: a steady slow model is warm after 42 runs, and no warm-up takes longer than 8 s or a round.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WarmUpRule:
    """The constants of the detector: given up when `max_ns` have passed and `fair_runs` were made.

    `max_ns=0` skips the warm-up (and reports it as not converged).
    """

    fast: float = 0.1
    slow: float = 0.005
    tolerance: float = 0.04
    similar_runs: int = 40
    min_runs: int = 30
    min_ns: int = 250_000_000
    max_ns: int = 8_000_000_000
    fair_runs: int = 100


ANDROIDX = WarmUpRule()


@dataclass(frozen=True)
class WarmUp:
    """How a warm-up went: runs, their summed time, and whether the averages met before it was given up."""

    runs: int
    ns: int
    converged: bool


@dataclass
class WarmUpDetector:
    """Fed with run times in nanoseconds, in order; `done` when warm or given up."""

    rule: WarmUpRule = ANDROIDX
    runs: int = 0
    ns: int = 0
    converged: bool = False
    _fast: float = 0.0
    _slow: float = 0.0
    _similar: int = 0

    @property
    def done(self) -> bool:
        """True when no further warm-up run is wanted."""
        given_up = self.ns >= self.rule.max_ns and self.runs >= self.rule.fair_runs
        return self.converged or given_up or self.rule.max_ns == 0

    def add(self, ns: int) -> None:
        """One more run took `ns`."""
        rule = self.rule
        if self.runs == 0:
            self._fast = self._slow = float(ns)
        else:
            self._fast += rule.fast * (ns - self._fast)
            self._slow += rule.slow * (ns - self._slow)
        self.runs += 1
        self.ns += ns
        close = self.runs > 1 and abs(self._fast / max(self._slow, 1.0) - 1) < rule.tolerance
        self._similar = self._similar + 1 if close else 0
        enough = self.runs >= rule.min_runs and self.ns >= rule.min_ns
        self.converged = enough and self._similar > rule.similar_runs

    def outcome(self) -> WarmUp:
        """What goes into the result."""
        return WarmUp(self.runs, self.ns, self.converged)
