"""Latency over minutes without a pause: what is left of the first seconds once the device is warm."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from ghostdeploy.benchmark.curve import Slice, Sustained
from ghostdeploy.benchmark.protocol import MOST_RUNS, Protocol
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.base import Device
from ghostdeploy.device.control import Control
from ghostdeploy.device.job import Job
from ghostdeploy.errors import GhostdeployError, RunnerFailed
from ghostdeploy.progress import Progress

# A slice is a process: long enough that starting it (0.3 to 1 s, in which the device cools) is little, short enough for
# a curve. No curve has fewer than `LEAST_SLICES`.
SLICE_S, LEAST_SLICES = 10.0, 4
ENDS = 0.1          # of the slices, the first and the last of which give the throughput at either end
NS = 1e9


def sustain(subject: Subject, threads: int, median_ms: float, device: Device, control: Control, protocol: Protocol,
            progress: Progress) -> Sustained | None:
    """Run one artifact as long as the protocol says, slice after slice, from a device that rested. Nothing is made
    again, however warm it gets.

    `median_ms` is what one run takes, as far as is known; it sets how many make a slice. A device that fails ends the
    curve early: what was measured before stands. None where there is not one slice; why is told to `progress`.
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
                progress.stage(f"{subject.model.file} without a pause, minute {int(at // 60) + 1} of "
                               f"{math.ceil(minutes)}")
            slices.append(_slice(device, job, subject, at))
    except GhostdeployError as error:
        ended = error.what
        progress.note(f"the curve of {subject.model.file} ends early: {ended}")
    if not slices:
        return None
    ends = max(1, round(ENDS * len(slices)))
    return Sustained(minutes, before, tuple(slices), per_second(slices[:ends], protocol.every_ns),
                     per_second(slices[-ends:], protocol.every_ns), ended)


def _slice(device: Device, job: Job, subject: Subject, at_s: float) -> Slice:
    timing = device.run(job, [subject.sample]).report.timing
    if timing is None:
        raise RunnerFailed("the device answered a timing job without times", "", "please report it")
    return Slice(at_s, timing.samples_ns, device.state())


def per_second(slices: Sequence[Slice], every_ns: int) -> float:
    """Inferences a second, back to back or at a cadence that they may not keep up with."""
    taken = [max(ns, every_ns) for each in slices for ns in each.samples_ns]
    return len(taken) * NS / sum(taken)
