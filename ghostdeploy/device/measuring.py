"""The measuring loops of a worker: the timed runs, and the memory pass."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Sequence
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


def time_runs(session: Session, sample: Sequence[Array], job: Timed, first: list[Array],
              stage: Callable[[str], None]) -> tuple[Timing, list[Array]]:
    """Warm up by `job.warm_up`, then `job.runs` timed runs, all kept, in order; and the outputs of the last.

    Python's garbage collector is off meanwhile: a full collection takes 75 to 115 ms once torch is imported (two busy
    cores).
    """
    stage("warm-up")
    detector = WarmUpDetector(job.warm_up)
    gc.collect()
    gc.disable()
    while not detector.done:
        detector.add(timed(session, sample))
    stage("the timed runs")
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    samples, late = _cadenced(session, sample, job.runs, job.every_ns)
    preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - switches
    gc.enable()
    last = session.read()
    stable = all(a.tobytes() == b.tobytes() for a, b in zip(first, last, strict=True))
    return Timing(detector.outcome(), tuple(samples), late, preempted, stable), last


def _cadenced(session: Session, sample: Sequence[Array], runs: int, every_ns: int) -> tuple[list[int], int]:
    """`runs` timed runs, their starts at least `every_ns` apart; and how many overran that."""
    samples, late, due = [0] * runs, 0, clock()
    for i in range(runs):
        wait = due - clock()
        if wait > 0:
            time.sleep(wait / 1e9)
        elif every_ns and i:
            late += 1
        due = max(due, clock()) + every_ns
        samples[i] = timed(session, sample)
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
