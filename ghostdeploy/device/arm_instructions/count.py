"""Instructions of one inference."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from ghostdeploy.device.android import qemu, store
from ghostdeploy.device.arm_instructions.blocks import total
from ghostdeploy.device.arm_instructions.emulated import Counted, Setting, run, runtime_of
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.runtimes.base import Array, RuntimeInfo
from ghostdeploy.errors import FileMissing
from ghostdeploy.lowering.artifact import Format, TensorSpec

SEED: Final = 0


@dataclass(frozen=True)
class Instructions:
    """A proxy, not a time: it knows neither caches nor issue width nor clocks.

    With one thread a count repeats within 100, whatever the model and whatever else the machine does; with more,
    threads that wait for work by spinning are counted too, and it does not.

    Attributes:
        per_inference: arm64 instructions that one inference retires, the second of its process: the runtime's, and the
            C library's on its behalf.
        cpu: the emulated CPU; it decides which kernels the runtime chooses, so figures of two CPUs don't compare.
        half_arithmetic: whether floats were computed in half precision by the delegate's own switch (TFLite).
        emulator: qemu's name and version.
    """

    per_inference: int
    cpu: str
    threads: int
    half_arithmetic: bool
    runtime: RuntimeInfo
    emulator: str


def count(artifact: Path, format: Format, *, cpu: str = qemu.CPU_MODEL, threads: int = 1,
          half_arithmetic: bool = False) -> Instructions:
    """Count the instructions of one inference of `artifact` in the runtime that phones get.

    Raises:
        EmulatorMissing: qemu-user or the arm64 C library is not installed.
        FileMissing, ArtifactRejected, RunnerFailed: the artifact is not there, or does not run.
        RunnerMissing, FetchFailed, WriteFailed: the counted programs cannot be made.
        UsageError: qemu knows no such CPU.
    """
    return of(counted(artifact, format, cpu, threads, half_arithmetic), cpu)


def counted(artifact: Path, format: Format, cpu: str, threads: int, half_arithmetic: bool,
            node: bytes | None = None) -> Counted:
    """Run it under the counter. Raises: as `count`."""
    if not artifact.is_file():
        raise FileMissing(f"no such artifact: {artifact}", "", "check the path")
    runtime_of(format)
    qemu.require(cpu)
    with _inputs(artifact, format) as inputs:
        return run(Setting(artifact, format, inputs, cpu, threads, half_arithmetic), node)


def of(found: Counted, cpu: str) -> Instructions:
    """What `counted` found, as `count` returns it."""
    measured, document = found.measured, found.document
    library = store.runtime_library(document.runtime, "arm64-v8a")
    info = RuntimeInfo(document.runtime, document.runtime_version or library.version, library.sha256)
    instructions = sum(total(part.blocks) for part in found.parts)
    return Instructions(instructions, cpu, measured.threads.wanted, measured.half_arithmetic, info, emulator())


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
