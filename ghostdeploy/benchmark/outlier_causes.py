"""What may have made runs outliers: what the device told of the rounds in which they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostdeploy.benchmark.result import Round

STOLEN_S = 0.01     # what the kernel counts in: a hundredth of a second
UNEXPLAINED = "with no event that the device tells of"


def causes(rounds: Sequence[Round]) -> tuple[tuple[str, int], ...]:
    """Outliers by the likeliest thing that happened in their round, in words; no run is known to be the one it hit."""
    found: Counter[str] = Counter()
    for measured in rounds:
        if measured.outliers:
            found[_cause(measured)] += len(measured.outliers)
    return tuple(found.most_common())


def _cause(measured: Round) -> str:
    """The rarest that applies: it says most."""
    before, after = measured.before, measured.after
    if before.thermal_status != after.thermal_status:
        return "in rounds in which the thermal status changed"
    if before.limits_khz != after.limits_khz:
        return "in rounds in which clock limits moved"
    if (after.stolen_s or 0.0) - (before.stolen_s or 0.0) >= STOLEN_S:
        return "in rounds in which a hypervisor took the cores"
    return "in rounds in which the process lost its core" if measured.preempted else UNEXPLAINED
