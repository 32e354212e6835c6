"""Latency over minutes without a pause: what is left of the first seconds once the device is warm."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ghostdeploy.benchmark.curve import Slice, Sustained
from ghostdeploy.benchmark.protocol import MOST_RUNS, Protocol
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.base import Device, DeviceState
from ghostdeploy.device.control import Control
from ghostdeploy.device.job import Job
from ghostdeploy.errors import GhostdeployError, RunnerFailed
from ghostdeploy.progress import Progress

# A slice is a process: so much of timed runs that starting it (0.3 to 1 s, in which the device cools) and its warm-up
# (30 runs and more, in which it does not) are little, short enough for a curve. No curve has fewer than `LEAST_SLICES`.
SLICE_S, LEAST_SLICES = 10.0, 4
ENDS = 0.1          # of the slices, the first and the last of which give the throughput at either end
NS = 1e9


def sustain(subject: Subject, threads: int, median_ms: float, device: Device, control: Control, protocol: Protocol,
            progress: Progress) -> Sustained:
    """Run one artifact as long as the protocol says, slice after slice, from a device that rested. Nothing is made
    again, however warm it gets.

    `median_ms` is what one run takes, as far as is known; it sets how many make a slice. A device that fails ends the
    curve early: what was measured before stands.

    Raises:
        DeviceError, ArtifactRejected: there is not one slice; see `Device.run` and `Control.rest`.
    """
    minutes = protocol.sustained_minutes
    seconds = min(SLICE_S, 60 * minutes / LEAST_SLICES)
    one = max(median_ms / 1e3, protocol.every_ns / NS)
    job = replace(protocol, runs=max(1, min(MOST_RUNS, math.ceil(seconds / one)))).job(subject, threads, "time")
    slices: list[Slice] = []
    ended = None
    try:
        control.rest()
        before = device.state()
        start = time.monotonic()
        while len(slices) < LEAST_SLICES or time.monotonic() - start < 60 * minutes:
            at = time.monotonic() - start
            if not slices or at // 60 > slices[-1].at_s // 60:
                progress.stage(f"{subject.model.file}, {threads} thread(s), without a pause, "
                               f"minute {int(at // 60) + 1} of {math.ceil(minutes)}")
            slices.append(_slice(device, job, subject, at))
    except GhostdeployError as error:
        if not slices:
            raise
        ended = error.what
        progress.note(f"the curve of {subject.model.file} ends early: {ended}")
    ends = max(1, round(ENDS * len(slices)))
    return Sustained(minutes, before, tuple(slices), per_second(slices[:ends]), per_second(slices[-ends:]), ended)


def _slice(device: Device, job: Job, subject: Subject, at_s: float) -> Slice:
    timing = device.run(job, [subject.sample]).report.timing
    if timing is None:
        raise RunnerFailed("the device answered a timing job without times", "", "please report it")
    return summed(at_s, timing.samples_ns, job.every_ns, device.state())


def summed(at_s: float, samples_ns: Sequence[int], every_ns: int, state: DeviceState) -> Slice:
    """What is kept of the timed runs of a slice."""
    seconds = sum(max(ns, every_ns) for ns in samples_ns) / NS
    return Slice(at_s, len(samples_ns), seconds, float(np.median(samples_ns)) / 1e6,
                 float(np.percentile(samples_ns, 90)) / 1e6, state)


def per_second(slices: Sequence[Slice]) -> float:
    """Inferences a second, back to back or at a cadence that they may not keep up with."""
    return sum(each.runs for each in slices) / sum(each.seconds for each in slices)
