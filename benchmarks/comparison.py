"""From rounds to what the table says: medians, ratios with their intervals, and who the best peer is.

With one thread a run's latency is the CPU time of its process: on an idle core that is the wall clock's, and on a busy
one it is what the wall clock would have said (beside four other programs the wall clock said 2 to 5 times as much, and
ranked peers by luck). With more threads CPU time is no latency, and the wall clock counts.

The round is the unit, as in `ghostdeploy bench`, and a ratio is taken within each (`ghostdeploy.benchmark.ratio`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rounds import Round
from benchmarks.truth import WRONG
from ghostdeploy.benchmark.ratio import Ratio, paired


@dataclass(frozen=True)
class Standing:
    """One peer at one thread count, over its rounds.

    Attributes:
        medians_ms: of each round, by the round's number; of CPU time with one thread, else of wall-clock time.
        error: relative, the worst over the rounds.
        wrong: the error is above `truth.WRONG`: it cannot be the best peer.
    """

    peer: str
    threads: int
    medians_ms: dict[int, float]
    error: float

    @property
    def median_ms(self) -> float:
        """The headline: the median of the round medians."""
        return float(np.median(list(self.medians_ms.values())))

    @property
    def wrong(self) -> bool:
        """Whether it computes something else."""
        return not self.error <= WRONG


def standing(rounds: Sequence[Round]) -> Standing:
    """Of all rounds of one peer at one thread count, at least one, none of them failed."""
    medians = {r.number: float(np.median(latencies(r))) / 1e6 for r in rounds if r.report is not None}
    return Standing(rounds[0].peer, rounds[0].threads, medians,
                    max(r.error for r in rounds if r.error is not None))


def latencies(made: Round) -> tuple[int, ...]:
    """Of every timed run, in nanoseconds."""
    if made.report is None:
        return ()
    return made.report.cpu_ns if made.threads == 1 else made.report.timing.samples_ns


def ratio(ours: Standing, theirs: Standing) -> Ratio:
    """`ours` over `theirs`, paired by the rounds that both have.

    Raises:
        ValueError: they have no round in common.
    """
    common = sorted(ours.medians_ms.keys() & theirs.medians_ms.keys())
    if not common:
        raise ValueError(f"{ours.peer} and {theirs.peer} have no round in common")
    return paired(*([of.medians_ms[number] for number in common] for of in (ours, theirs)))


def fastest(standings: Mapping[str, Standing], among: Sequence[str]) -> Standing | None:
    """The lowest median of those named, if any of them is there and right."""
    right = [standings[name] for name in among if name in standings and not standings[name].wrong]
    return min(right, key=lambda s: s.median_ms, default=None)
