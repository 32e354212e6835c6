"""How the runs of a table ended."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from ghostdeploy.ablation.grid import Cell


@dataclass(frozen=True)
class Outcome:
    """How one run ended. Shares of test images named right, 0 to 1; None where the loss was no number any more.

    `identity` is that of what the run computed (`ghostdeploy.training.state.digest`): recipe, seed and data.
    """

    identity: str
    top1_raw: float | None
    top1_ema: float | None


@dataclass(frozen=True)
class Row:
    """A cell with the outcomes of its seeds, in their order; fewer than wanted where time was up."""

    cell: Cell
    outcomes: tuple[Outcome, ...]

    @property
    def top1(self) -> tuple[float, ...]:
        """Averaged weights' top-1 of the runs that ended with numbers."""
        return tuple(each.top1_ema for each in self.outcomes if each.top1_ema is not None)

    @property
    def mean(self) -> float:
        """Of `top1`; nan where there is none."""
        return statistics.fmean(self.top1) if self.top1 else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of `top1` over seeds (n - 1); nan for fewer than two."""
        return statistics.stdev(self.top1) if len(self.top1) > 1 else math.nan
