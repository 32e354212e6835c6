"""The curve of a device that runs for minutes without a pause, as a result keeps it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ghostdeploy.device.base import DeviceState


@dataclass(frozen=True)
class Slice:
    """Runs in a row. `at_s` is when they began, counted from the first slice; `state` the device's right after."""

    at_s: float
    samples_ns: tuple[int, ...]
    state: DeviceState

    @property
    def median_ms(self) -> float:
        """Of the runs."""
        return float(np.median(self.samples_ns)) / 1e6

    @property
    def p90_ms(self) -> float:
        """Of the runs."""
        return float(np.percentile(self.samples_ns, 90)) / 1e6


@dataclass(frozen=True)
class Sustained:
    """The curve, and inferences a second at its two ends: runs over the time that they took, or the app's cadence.

    `ended` says why it is shorter than it was to be, else None.
    """

    minutes: float
    before: DeviceState
    slices: tuple[Slice, ...]
    start_per_s: float
    end_per_s: float
    ended: str | None = None
