"""What a form costs: instructions of an emulated ARM CPU, or time on a device."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ghostdeploy.device.android import store
from ghostdeploy.device.arm_instructions import count
from ghostdeploy.device.arm_instructions.emulated import runtime_of
from ghostdeploy.device.base import Device
from ghostdeploy.device.job import Job
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.tuning.profile import Unit

ROUNDS, RUNS = 5, 50
# A site alone is warm after a few runs: it takes microseconds to a millisecond.
WARM_UP = WarmUpRule(min_runs=20, min_ns=20_000_000, max_ns=500_000_000)

Samples = Sequence[npt.NDArray[np.float32]]


class Meter(Protocol):
    """Measures several forms of one site, so that what disturbs one disturbs all."""

    unit: Unit
    device: str

    def costs(self, artifacts: Sequence[ArtifactUnderTest], inputs: Samples) -> list[float]:
        """What one inference of each artifact costs, in `unit`."""

    def runtimes(self, formats: Sequence[Format]) -> dict[str, str]:
        """Name and version of the runtime of each format, as far as they are known before a run."""


class InstructionMeter:
    """Instructions that one inference retires in the Android runtime under qemu. A proxy: instructions, not time."""

    unit: Unit = "instructions"

    def __init__(self, cpu: str) -> None:
        self.cpu, self.device = cpu, f"qemu-aarch64 -cpu {cpu} (instructions counted, a proxy for time)"

    def costs(self, artifacts: Sequence[ArtifactUnderTest], inputs: Samples) -> list[float]:
        """See `Meter.costs`. Counts do not disturb each other, and what the inputs hold does not change them."""
        return [float(count(a.path, a.format, cpu=self.cpu).per_inference) for a in artifacts]

    def runtimes(self, formats: Sequence[Format]) -> dict[str, str]:
        """See `Meter.runtimes`: those that phones get here."""
        found = {format: runtime_of(format) for format in formats}
        return {format: f"{name} {store.runtime_library(name, 'arm64-v8a').version}" for format, name in found.items()}


class TimeMeter:
    """Median of the medians of rounds, each a fresh process; the artifacts take turns."""

    unit: Unit = "ns"

    def __init__(self, device: Device) -> None:
        info = device.describe()
        # The fastest core: where clocks are not told, all are equal, and the last one is the least busy.
        self._cpus = (max(info.cores, key=lambda core: (core.max_khz or 0, core.index)).index,)
        self._device = device
        self._runtimes: dict[str, str] = {}
        self.device = " ".join(filter(None, (info.manufacturer, info.model, info.soc, info.abi, info.os)))

    def costs(self, artifacts: Sequence[ArtifactUnderTest], inputs: Samples) -> list[float]:
        """See `Meter.costs`."""
        medians: list[list[float]] = [[] for _ in artifacts]
        sample = tuple(np.ascontiguousarray(array, np.float32) for array in inputs)
        for _ in range(ROUNDS):
            for artifact, kept in zip(artifacts, medians, strict=True):
                job = Job(artifact.path, artifact.format, "time", artifact.inputs, artifact.outputs, threads=1,
                          cpus=self._cpus, runs=RUNS, warm_up=WARM_UP)
                report = self._device.run(job, [sample]).report
                assert report.timing is not None
                kept.append(statistics.median(report.timing.samples_ns))
                self._runtimes[artifact.format] = f"{report.runtime.name} {report.runtime.version}"
        return [statistics.median(kept) for kept in medians]

    def runtimes(self, formats: Sequence[Format]) -> dict[str, str]:
        """See `Meter.runtimes`: what the runs reported."""
        return {format: self._runtimes[format] for format in formats if format in self._runtimes}
