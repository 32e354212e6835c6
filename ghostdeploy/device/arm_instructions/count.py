"""Instructions of one inference: the difference between processes that ran it more and less often."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from ghostdeploy.device.android import qemu, store
from ghostdeploy.device.arm_instructions.emulated import Counted, Setting, run, runtime_of
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.runtimes.base import Array, RuntimeInfo
from ghostdeploy.errors import FileMissing, UsageError
from ghostdeploy.lowering.artifact import Format, TensorSpec

RUNS: Final = (0, 1)
SEED: Final = 0


@dataclass(frozen=True)
class Instructions:
    """A proxy, not a time: it knows neither caches nor issue width nor clocks.

    Attributes:
        per_inference: arm64 instructions that one inference retires: the runtime's, and the C library's on its behalf.
        cpu: the emulated CPU; it decides which kernels the runtime chooses, so figures of two CPUs don't compare.
        half_arithmetic: whether floats were computed in half precision by the delegate's own switch (TFLite).
        emulator: qemu's name and version.
        runs: how often each counted process ran the artifact after the first time.
        spread: largest relative difference between the increments from process to process; None where two processes
            give but one. 1e-4 or less is usual with one thread; with more, threads that wait are counted too.
    """

    per_inference: int
    cpu: str
    threads: int
    half_arithmetic: bool
    runtime: RuntimeInfo
    emulator: str
    runs: tuple[int, ...]
    spread: float | None


def count(artifact: Path, format: Format, *, cpu: str = qemu.CPU_MODEL, threads: int = 1,
          runs: Sequence[int] = RUNS, half_arithmetic: bool = False) -> Instructions:
    """Count the instructions of one inference of `artifact` in the runtime that phones get.

    Raises:
        EmulatorMissing: qemu-user or the arm64 C library is not installed.
        FileMissing, ArtifactRejected, RunnerFailed: the artifact is not there, or does not run.
        RunnerMissing, FetchFailed, WriteFailed: the counted programs cannot be made.
        UsageError: `runs` does not rise, or qemu knows no such CPU.
    """
    return of(processes(artifact, format, cpu, threads, runs, half_arithmetic), cpu, format, tuple(runs))


def processes(artifact: Path, format: Format, cpu: str, threads: int, runs: Sequence[int],
              half_arithmetic: bool) -> list[Counted]:
    """One process for each of `runs`. Raises: as `count`."""
    if len(runs) < 2 or runs[0] < 0 or any(a >= b for a, b in pairwise(runs)):
        raise UsageError(f"runs must rise from 0 or more: {', '.join(map(str, runs))}", "",
                         "an inference is the difference between two counts: 0, 1 is usual")
    if not artifact.is_file():
        raise FileMissing(f"no such artifact: {artifact}", "", "check the path")
    runtime_of(format)
    qemu.qemu()
    with _inputs(artifact, format) as inputs:
        return [run(Setting(artifact, format, inputs, cpu, threads, half_arithmetic), times) for times in runs]


def of(counted: Sequence[Counted], cpu: str, format: Format, runs: tuple[int, ...]) -> Instructions:
    """What `processes` found, as `count` returns it."""
    totals = [process.blocks.total for process in counted]
    steps = [(b - a) / (n - m) for (a, b), (m, n) in zip(pairwise(totals), pairwise(runs), strict=True)]
    per_inference = difference(totals, runs)
    spread = (max(steps) - min(steps)) / per_inference if len(steps) > 1 else None
    measured, document = counted[0].measured, counted[0].document
    library = store.runtime_library(document.runtime, "arm64-v8a")
    info = RuntimeInfo(document.runtime, document.runtime_version or library.version, library.sha256)
    return Instructions(round(per_inference), cpu, measured.threads.wanted, measured.half_arithmetic, info, emulator(),
                        runs, spread)


def difference(totals: Sequence[float], runs: Sequence[int]) -> float:
    """What one inference adds, from what the shortest and the longest process counted."""
    return (totals[-1] - totals[0]) / (runs[-1] - runs[0])


@cache
def emulator() -> str:
    """qemu's name and version."""
    said = subprocess.run([qemu.qemu(), "--version"], capture_output=True, text=True, check=False).stdout
    return "qemu " + said.splitlines()[0].removeprefix("qemu-aarch64 version ") if said else "qemu"


@contextmanager
def _inputs(artifact: Path, format: Format) -> Iterator[tuple[Path, ...]]:
    """Seeded noise for every input: what is counted does not depend on the values (tested).

    This machine's runtime says what the inputs are.
    """
    specs = LocalDevice().run(Job(artifact, format, "infer"), ()).report.inputs
    generator = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-count-") as name:
        paths = tuple(Path(name) / f"input{i}" for i in range(len(specs)))
        for path, spec in zip(paths, specs, strict=True):
            path.write_bytes(_noise(spec, generator.random))
        yield paths


def _noise(spec: TensorSpec, random: Callable[[tuple[int, ...]], Array]) -> bytes:
    unit = random(spec.shape)
    if np.issubdtype(np.dtype(spec.dtype), np.floating):
        return unit.astype(spec.dtype).tobytes()
    limits = np.iinfo(spec.dtype)
    return (limits.min + unit * (limits.max - limits.min)).astype(spec.dtype).tobytes()
