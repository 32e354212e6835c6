"""The measuring loops of a worker: the timed runs, and the memory pass."""

from __future__ import annotations

import gc
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ghostdeploy.device import processinfo
from ghostdeploy.device.job import Memory, Timing
from ghostdeploy.device.runtimes.base import Array, Session
from ghostdeploy.device.warmup import WarmUpDetector, WarmUpRule

clock = time.perf_counter_ns      # CLOCK_MONOTONIC


class Timed(Protocol):
    """What the timing loop must know of a job; see `Job`."""

    @property
    def runs(self) -> int: ...

    @property
    def warm_up(self) -> WarmUpRule: ...

    @property
    def every_ns(self) -> int: ...


def timed(session: Session, sample: Sequence[Array]) -> int:
    """Feed, then one timed `invoke`; in nanoseconds."""
    session.feed(sample)
    start = clock()
    session.invoke()
    return clock() - start


@dataclass(frozen=True)
class Turn:
    """An artifact to be timed: its session, what it is fed, and its outputs of the first inference."""

    session: Session
    sample: Sequence[Array]
    first: Sequence[Array]


def time_runs(turns: Sequence[Turn], job: Timed, stage: Callable[[str], None]) -> list[tuple[Timing, list[Array]]]:
    """Warm up by `job.warm_up`, then `job.runs` timed runs each, all kept, in order; and the outputs of the last.

    Several take turns, in an order drawn anew each time. Python's garbage collector is off meanwhile: a full collection
    takes 75 to 115 ms once torch is imported (two busy cores).
    """
    stage("warm-up")
    detectors = [WarmUpDetector(job.warm_up) for _ in turns]
    gc.collect()
    gc.disable()
    while not all(detector.done for detector in detectors):
        for turn, detector in zip(turns, detectors, strict=True):
            taken = timed(turn.session, turn.sample)
            if not detector.done:
                detector.add(taken)
    stage("the timed runs")
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    samples, late = _cadenced(turns, job.runs, job.every_ns)
    preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - switches
    gc.enable()
    done = []
    for turn, detector, runs, missed in zip(turns, detectors, samples, late, strict=True):
        last = turn.session.read()
        stable = all(a.tobytes() == b.tobytes() for a, b in zip(turn.first, last, strict=True))
        done.append((Timing(detector.outcome(), tuple(runs), missed, preempted, stable), last))
    return done


def _cadenced(turns: Sequence[Turn], runs: int, every_ns: int) -> tuple[list[list[int]], list[int]]:
    """`runs` timed runs of each, their starts at least `every_ns` apart; and how many overran that."""
    samples, late, due = [[0] * runs for _ in turns], [0] * len(turns), clock()
    chance = random.Random(clock())     # noqa: S311 (an order, not a secret)
    before = None
    for i in range(runs):
        for place in chance.sample(range(len(turns)), len(turns)):
            wait = due - clock()
            if wait > 0:
                time.sleep(wait / 1e9)
            elif every_ns and before is not None:
                late[before] += 1
            due = max(due, clock()) + every_ns
            samples[place][i] = timed(turns[place].session, turns[place].sample)
            before = place
    return samples, late


def idle_memory() -> int:
    """Resident kB before the artifact is opened; the kernel's high-water mark starts again from here."""
    gc.collect()
    processinfo.reset_peak()
    return processinfo.resident_kb()


def memory_after(session: Session, sample: Sequence[Array], runs: int, idle_kb: int, loaded_kb: int) -> Memory:
    """Memory after the first inference (just done) and after `runs` further ones. Reading it costs milliseconds."""
    first = processinfo.resident_kb()
    for _ in range(runs):
        session.feed(sample)
        session.invoke()
    return Memory(idle_kb, loaded_kb, first, processinfo.resident_kb(), processinfo.peak_kb(),
                  processinfo.proportional_kb(), runs)
