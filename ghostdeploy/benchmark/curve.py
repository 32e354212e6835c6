"""The curve of a device that runs for minutes without a pause, as a result keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from ghostdeploy.device.base import DeviceState


@dataclass(frozen=True)
class Slice:
    """A process of the curve: timed runs in a row, after a warm-up of their own.

    Single runs are not kept: an hour of a model of 1 ms would be 60 MB of them.

    Attributes:
        at_s: when the process was started, counted from the first one.
        runs, seconds: timed runs, and the sum of their times, or of the app's cadence where that is longer.
        state: of the device, right after the process ended.
    """

    at_s: float
    runs: int
    seconds: float
    median_ms: float
    p90_ms: float
    state: DeviceState


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
