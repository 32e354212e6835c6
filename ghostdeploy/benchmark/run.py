"""The verb `bench`: from paths to results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ghostdeploy import device as devices
from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.subject import subjects
from ghostdeploy.device import cpus as affinity
from ghostdeploy.errors import UsageError
from ghostdeploy.progress import SILENT, Progress


def bench(*paths: str | Path, device: str | None = "local", runs: int = 100, rounds: int = 5,
          threads: int | Sequence[int] = 1, cpus: str | None = None, every_ms: float = 0.0,
          progress: Progress = SILENT) -> list[Result]:
    """Measure bundles (every artifact in them) and bare artifact files, interleaved.

    Args:
        paths: bundle directories and files.
        device: "local", or a device's serial; None for the one attached phone.
        runs: timed runs per round, after warm-up; every one is kept.
        rounds: fresh processes per artifact and thread count.
        threads: one or several thread counts; each gives a result of its own.
        cpus: "big", "all" or a hexadecimal mask to pin to; None leaves the scheduler free.
        every_ms: milliseconds between the starts of runs, an app's cadence; 0 is back to back.

    Returns:
        One result per artifact and thread count; times in ms. A wrong output or an unsteady machine does not raise:
        see `Result.summary.valid` and `.reasons`.

    Raises:
        UsageError: no paths, or a number is out of range.
        DeviceNotFound, AffinityRefused, RunnerFailed: see `Device`.
        FileMissing, BundleInvalid, ArtifactRejected: a path cannot be measured.
    """
    if not paths:
        raise UsageError("nothing to measure", "no bundle and no file was named", "name a bundle or an artifact file")
    target = devices.find(device)
    counts = (threads,) if isinstance(threads, int) else tuple(threads)
    chosen = None if cpus is None else affinity.choose(cpus, target.describe().cores)
    protocol = Protocol(runs, rounds, counts, chosen, every_ns=round(every_ms * 1e6))
    progress.stage("open " + ", ".join(Path(path).name for path in paths))
    return measure([subject for path in paths for subject in subjects(Path(path), target)], target, protocol, progress)
