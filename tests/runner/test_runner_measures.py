"""What the phone's programs record: times in order, warm-up, cadence, threads, CPUs, memory."""

from __future__ import annotations

import dataclasses
import os

import pytest

from ghostdeploy.device.android.document import Measured
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.lowering.artifact import Format
from tests.runner.android_run import run_job
from tests.small_artifacts import images, small

FORMATS: tuple[Format, ...] = ("pte", "tflite")
SHORT = WarmUpRule(min_ns=1_000_000, max_ns=2_000_000_000)


def measure(format: Format, **changes: object) -> tuple[Run, Measured]:
    """A timed job of 20 runs on this machine's own CPU."""
    artifact = small(format)
    job = Job(artifact.path, format, "time", artifact.inputs, artifact.outputs, runs=20, warm_up=SHORT)
    run, ended = run_job(dataclasses.replace(job, **changes), "x86_64", [[images(1)]])  # type: ignore[arg-type]
    assert ended.document.measured is not None
    return run, ended.document.measured


@pytest.mark.parametrize("format", FORMATS)
def test_times(format: Format) -> None:
    run, measured = measure(format)
    timing = run.report.timing
    assert timing is not None
    assert len(timing.samples_ns) == 20
    assert all(0 < ns < 1_000_000_000 for ns in timing.samples_ns)
    assert len(set(timing.samples_ns)) > 1
    assert timing.stable
    assert timing.late == 0
    assert timing.preempted >= 0
    assert timing.warm_up.runs >= SHORT.min_runs
    assert timing.warm_up.ns >= SHORT.min_ns
    assert run.report.load_ns > 0
    assert run.report.first_ns and run.report.first_ns > 0
    assert measured.timing is not None and measured.timing.warm_up.rule == "auto"


def test_warm_up_given_up_is_said() -> None:
    """Averages that must agree to within a millionth never do."""
    run, _ = measure("tflite", warm_up=WarmUpRule(tolerance=0.000001, max_ns=20_000_000))
    assert run.report.timing is not None
    warm = run.report.timing.warm_up
    assert not warm.converged
    assert warm.ns >= 20_000_000


def test_without_warm_up() -> None:
    run, _ = measure("tflite", warm_up=WarmUpRule(max_ns=0))
    assert run.report.timing is not None
    assert (run.report.timing.warm_up.runs, run.report.timing.warm_up.converged) == (0, False)


def test_cadence() -> None:
    """20 runs whose starts lie 5 ms apart take at least 95 ms; none is late when a run takes well under that."""
    import time

    start = time.monotonic()
    run, measured = measure("tflite", every_ns=5_000_000)
    assert time.monotonic() - start >= 0.095
    assert measured.timing is not None and measured.timing.every_ns == 5_000_000
    assert run.report.timing is not None and run.report.timing.late <= 19


def test_a_cadence_that_cannot_be_held_is_counted() -> None:
    run, _ = measure("tflite", every_ns=1)
    assert run.report.timing is not None and run.report.timing.late == 19


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("format", FORMATS)
def test_threads_in_effect(format: Format, threads: int) -> None:
    run, measured = measure(format, threads=threads, runs=2)
    assert (run.report.threads.wanted, run.report.threads.in_effect) == (threads, threads)
    assert measured.threads.alive == threads


@pytest.mark.parametrize("format", FORMATS)
def test_cpus_are_set_and_read_back(format: Format) -> None:
    wanted = max(os.sched_getaffinity(0))
    run, measured = measure(format, cpus=(wanted,), threads=2, runs=2)
    assert run.report.cpus == (wanted,)
    assert measured.last_cpu == wanted
    run, _ = measure(format, runs=2)
    assert set(run.report.cpus) == os.sched_getaffinity(0)


@pytest.mark.parametrize("format", FORMATS)
def test_memory(format: Format) -> None:
    run, measured = measure(format, task="memory", runs=5)
    memory = run.report.memory
    assert memory is not None
    assert run.report.timing is None
    assert 0 < memory.idle_rss_kb < memory.load_rss_kb <= memory.first_rss_kb <= memory.peak_rss_kb
    assert memory.peak_rss_kb < 200_000
    assert memory.runs == 5
    assert memory.pss_kb is not None and 0 < memory.pss_kb <= memory.last_rss_kb
    assert measured.memory.peak_since_idle


@pytest.mark.parametrize("format", FORMATS)
def test_peak_memory_is_in_every_document(format: Format) -> None:
    _, measured = measure(format, runs=1)
    assert measured.memory.peak_rss_kb and measured.memory.peak_rss_kb > 1000
