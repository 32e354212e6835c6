"""Whether the parts of a result agree with each other: a file may have been edited, and all else believes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ghostdeploy.benchmark.statistics import median_of_medians

if TYPE_CHECKING:
    from ghostdeploy.benchmark.result import Result, Round

NS_PER_MS = 1e6
ROUNDING = 1e-9     # relative; the same numbers were computed in the same way


def contradiction(result: Result) -> str | None:
    """A sentence about what in `result` cannot be, or None."""
    for number, measured in enumerate(result.rounds):
        if (why := _of_round(measured)) is not None:
            return f"rounds/{number}/outliers {why}"
    counted = [measured.samples_ns for measured in result.rounds if measured.discarded is None]
    if not counted:
        return "none of its rounds counts"
    return _of_headline(result.summary.median_ms, counted)


def _of_round(measured: Round) -> str | None:
    if any(index >= len(measured.samples_ns) for index in measured.outliers):
        return "names runs that are not there"
    # A flagged run lies far from the median of its round, so more than half cannot.
    if 2 * len(set(measured.outliers)) > len(measured.samples_ns):
        return "names more than half of the runs"
    return None


def _of_headline(told: float, counted: Sequence[Sequence[int]]) -> str | None:
    median = median_of_medians(counted) / NS_PER_MS
    if abs(told - median) <= ROUNDING * median:
        return None
    return f"the summary says {told:.6g} ms, and its own runs {median:.6g} ms"
