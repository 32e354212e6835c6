"""What a form costs: instructions of an emulated ARM CPU, or time on a device."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ghostdeploy.benchmark.measure import MOST_REPEATS
from ghostdeploy.device.android import qemu, store
from ghostdeploy.device.arm_instructions import count
from ghostdeploy.device.arm_instructions.emulated import runtime_of
from ghostdeploy.device.base import Device
from ghostdeploy.device.control import Control, Wishes
from ghostdeploy.device.job import Job, RoundReport, together
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.progress import Progress
from ghostdeploy.tuning.profile import Unit

ROUNDS, RUNS = 5, 50
# A site alone is warm after a few runs: it takes microseconds to a millisecond.
WARM_UP = WarmUpRule(min_runs=20, min_ns=20_000_000, max_ns=500_000_000)

Samples = Sequence[npt.NDArray[np.float32]]
# What one inference of each form costs, given the forms of one site and what they are fed: measured in turns, so that
# what disturbs one disturbs all.
Costs = Callable[[Sequence[ArtifactUnderTest], Samples], list[float]]


class Meter(Protocol):
    """Says what artifacts cost on some device, in `unit`."""

    unit: Unit
    device: str

    def measuring(self, artifacts: Sequence[ArtifactUnderTest], progress: Progress) -> AbstractContextManager[Costs]:
        """See that all of these can run there, and have the device under control while they are measured.

        Raises:
            DeviceError, ArtifactRejected, RuntimeRejected, DeviceNotReady: see `Device.prepare` and `controlled`.
        """

    def runtimes(self, formats: Sequence[Format]) -> dict[str, str]:
        """Name and version of the runtime of each format, as far as they are known before a run."""


class InstructionMeter:
    """Instructions that one inference retires in the Android runtime under qemu. A proxy: instructions, not time."""

    unit: Unit = "instructions"

    def __init__(self, cpu: str) -> None:
        """Raises: EmulatorMissing, UsageError: see `qemu.require`."""
        qemu.require(cpu)
        self.cpu, self.device = cpu, f"qemu-aarch64 -cpu {cpu} (instructions counted, a proxy for time)"

    def measuring(self, artifacts: Sequence[ArtifactUnderTest], progress: Progress) -> AbstractContextManager[Costs]:
        """See `Meter.measuring`."""
        return nullcontext(self._costs)

    def _costs(self, artifacts: Sequence[ArtifactUnderTest], inputs: Samples) -> list[float]:
        """Counts do not disturb each other, and what the inputs hold does not change them."""
        return [float(count(a.path, a.format, cpu=self.cpu, half_arithmetic=a.half_arithmetic).per_inference)
                for a in artifacts]

    def runtimes(self, formats: Sequence[Format]) -> dict[str, str]:
        """See `Meter.runtimes`: those that phones get here."""
        found = {format: runtime_of(format) for format in formats}
        return {format: f"{name} {store.runtime_library(name, 'arm64-v8a').version}" for format, name in found.items()}


class TimeMeter:
    """Median of the medians of rounds, each a fresh process in which the artifacts take turns, run by run; on a phone
    they have a process each, one after the other."""

    unit: Unit = "ns"

    def __init__(self, device: Device, wishes: Wishes | None = None) -> None:
        info = device.describe()
        # The fastest core: where clocks are not told, all are equal, and the last one is the least busy.
        self._cpus = (max(info.cores, key=lambda core: (core.max_khz or 0, core.index)).index,)
        self._device, self._info, self._wishes = device, info, wishes or Wishes()
        self._runtimes: dict[str, str] = {}
        emulated = "(emulated: its times mean nothing)" if info.emulated else None
        self.device = " ".join(filter(None, (info.manufacturer, info.model, info.soc, info.abi, info.os, emulated)))

    @contextmanager
    def measuring(self, artifacts: Sequence[ArtifactUnderTest], progress: Progress) -> Iterator[Costs]:
        """See `Meter.measuring`."""
        self._device.prepare([(artifact.path, artifact.format) for artifact in artifacts])
        with self._device.controlled(self._wishes, progress) as control:
            yield partial(self._costs, control, progress)

    def _costs(self, control: Control, progress: Progress, artifacts: Sequence[ArtifactUnderTest],
               inputs: Samples) -> list[float]:
        sample = tuple(np.ascontiguousarray(array, np.float32) for array in inputs)
        jobs = [self._job(artifact) for artifact in artifacts]
        rounds = [self._round(control, progress, jobs, sample) for _ in range(ROUNDS)]
        return [statistics.median(medians) for medians in zip(*rounds, strict=True)]

    def _job(self, artifact: ArtifactUnderTest) -> Job:
        takes, gives = artifact.inputs, artifact.outputs
        if takes is None and self._info.kind == "android":    # it must be told, and this machine's runtime can read it
            opened = LocalDevice().run(Job(artifact.path, artifact.format, "infer"), ()).report
            takes, gives = opened.inputs, opened.outputs
        return Job(artifact.path, artifact.format, "time", takes, gives, threads=1, cpus=self._cpus, runs=RUNS,
                   warm_up=WARM_UP, half_arithmetic=artifact.half_arithmetic)

    def _round(self, control: Control, progress: Progress, jobs: Sequence[Job],
               sample: Sequence[Array]) -> list[float]:
        """The median of each job; made again where the device spoilt it. The last time counts, and it is said."""
        for repeat in range(MOST_REPEATS + 1):
            control.rest()
            before = self._device.state()
            reports = self._reports(jobs, sample)
            spoiled = control.spoiled(before, self._device.state(), self._info.cores, self._cpus)
            if spoiled is None:
                break
            progress.note(f"{'counted all the same' if repeat == MOST_REPEATS else 'made again'}: {spoiled}")
        self._runtimes |= {job.format: f"{report.runtime.name} {report.runtime.version}"
                           for job, report in zip(jobs, reports, strict=True)}
        return [statistics.median(report.timing.samples_ns) for report in reports if report.timing is not None]

    def _reports(self, jobs: Sequence[Job], sample: Sequence[Array]) -> list[RoundReport]:
        """One of each job, opened in an order drawn anew. Of copies of one file among eight opened in one process, the
        last was faster than the first by 8, 6 and 2 % (GhostNetV3 1.6x, 1.0x, 0.5x, 7 rounds on an Intel Xeon).
        """
        order = secrets.SystemRandom().sample(range(len(jobs)), len(jobs))
        drawn = [jobs[place] for place in order]
        if self._device.shares_processes():
            runs = self._device.run(together(drawn), [sample] * len(drawn)).apart()
        else:
            runs = [self._device.run(job, [sample]) for job in drawn]
        found = dict(zip(order, (run.report for run in runs), strict=True))
        return [found[place] for place in range(len(jobs))]

    def runtimes(self, formats: Sequence[Format]) -> dict[str, str]:
        """See `Meter.runtimes`: what the runs reported."""
        return {format: self._runtimes[format] for format in formats if format in self._runtimes}
