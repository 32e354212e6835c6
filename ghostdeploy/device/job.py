"""What a device is asked to do with one artifact in one fresh process, and what it reports.

These records are JSON between processes (and, later, between machines); tensors travel beside them as files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ghostdeploy.device.runtimes.base import Array, RuntimeInfo
from ghostdeploy.device.warmup import ANDROIDX, WarmUp, WarmUpRule
from ghostdeploy.lowering.artifact import Format, TensorSpec

Task = Literal["infer", "time", "memory", "profile"]


@dataclass(frozen=True)
class Job:
    """One fresh process with one artifact, or with several that are timed in turns.

    `infer` runs every sample once (none: the artifact is only opened, for its specs). `time` measures on the first
    sample; jobs `beside` it take turns, each on the sample of its place. `memory` runs the first sample `runs` times
    while nothing is timed. `profile` finds where the time goes: in the operators of a `.tflite`, in `parts` of another
    artifact. Samples are NCHW (see `ghostdeploy.tensors`); the device brings them into the layouts of `inputs`.

    Attributes:
        format: told, never guessed from the file's name.
        inputs, outputs: what the manifest says; the artifact must agree. None for a bare file: its own word is taken.
        threads: compute threads, the calling one included.
        cpus: indices to pin every thread to; None leaves the scheduler free.
        every_ns: time between the starts of timed runs (an app's cadence); 0 is back to back.
        deadline_s: wall-clock seconds after which the process is a hang.
        half_arithmetic: have XNNPACK compute the floats of a .tflite in half precision where the device can; where it
            cannot, they are computed in float32, and the report says so.
        beside: jobs like this one but for their artifact, which share its process and take turns with it, run by run
            and in an order drawn anew each time: what disturbs one then disturbs all.
        parts: of a profile, artifacts of the same format that together compute what this one does, in that order.
    """

    artifact: Path
    format: Format
    task: Task
    inputs: tuple[TensorSpec, ...] | None = None
    outputs: tuple[TensorSpec, ...] | None = None
    threads: int = 1
    cpus: tuple[int, ...] | None = None
    runs: int = 1
    warm_up: WarmUpRule = ANDROIDX
    every_ns: int = 0
    deadline_s: float = 120.0
    half_arithmetic: bool = False
    parts: tuple[Path, ...] = ()
    beside: tuple[Job, ...] = ()


def together(jobs: Sequence[Job]) -> Job:
    """Timing jobs of one format and protocol as one whose process they share."""
    first, *others = jobs
    assert all((job.format, job.threads, job.task) == (first.format, first.threads, "time") for job in jobs)
    return replace(first, beside=tuple(others), deadline_s=sum(job.deadline_s for job in jobs))


@dataclass(frozen=True)
class Threads:
    """`in_effect` is the calling thread and those that the runtime started, counted alive after the work."""

    wanted: int
    in_effect: int


@dataclass(frozen=True)
class Timing:
    """The timed part of a round. `samples_ns` is in the order of the runs, complete.

    Attributes:
        late: timed runs that were still going when the next should have begun (cadence only).
        preempted: involuntary context switches of the process during the timed runs: someone else took the core. Those
            that share a process have them in common.
        stable: the outputs of the first and of the last run are the same bytes.
    """

    warm_up: WarmUp
    samples_ns: tuple[int, ...]
    late: int
    preempted: int
    stable: bool


@dataclass(frozen=True)
class Memory:
    """Resident memory of the process in kB, from a pass in which nothing is timed.

    `idle` is with the runtime imported and before the artifact is opened, so `peak - idle` is what the artifact costs.
    `peak` is the kernel's high-water mark since `idle`. `pss` is after the last run.
    """

    idle_rss_kb: int
    load_rss_kb: int
    first_rss_kb: int
    last_rss_kb: int
    peak_rss_kb: int
    pss_kb: int | None
    runs: int


@dataclass(frozen=True)
class PartTime:
    """A part of an artifact (an operator as its runtime calls it, or a file), and nanoseconds of one run."""

    name: str
    ns: float


@dataclass(frozen=True)
class Profiled:
    """Where the time of an artifact goes; parts in the order of execution, all from the same `runs` runs."""

    whole_ns: float
    parts: tuple[PartTime, ...]
    runs: int


@dataclass(frozen=True)
class RoundReport:
    """What one fresh process did. `load_ns` is defined by `Runtime.load`.

    `first_ns` is the first `invoke` after loading: it holds what the runtime puts off until then (packing weights,
    touching memory), and neither feeding nor reading; None where no sample was given. `cpus` is the affinity read back
    from every thread of the process after the work, not the one asked for. `half_arithmetic` is what was in effect.
    """

    runtime: RuntimeInfo
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    threads: Threads
    cpus: tuple[int, ...]
    load_ns: int
    first_ns: int | None
    timing: Timing | None
    memory: Memory | None
    half_arithmetic: bool = False
    profile: Profiled | None = None
    beside: tuple[RoundReport, ...] = ()


@dataclass(frozen=True)
class Run:
    """A report and the outputs: for each sample that was run, each output in the library's order (NCHW).

    A `time` job returns two: those of the first and of the last run; then those of each job beside it.
    """

    report: RoundReport
    outputs: tuple[tuple[Array, ...], ...] = field(repr=False, compare=False)

    def apart(self) -> list[Run]:
        """Of a `time` job, what each of those that took turns would have returned by itself."""
        reports = (replace(self.report, beside=()), *self.report.beside)
        return [Run(report, self.outputs[2 * place:2 * place + 2]) for place, report in enumerate(reports)]
