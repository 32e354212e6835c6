"""The verb `bench`: from paths to results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.precision_cost import told
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.subject import Subject, subjects
from ghostdeploy.device import cpus as affinity
from ghostdeploy.device import lookup
from ghostdeploy.device.base import ArtifactKind, Core, Device
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.suitable import that_run_on
from ghostdeploy.errors import GhostdeployError, UsageError
from ghostdeploy.profiling.profile import profiles, refusal, require_profilable
from ghostdeploy.profiling.record import Profile
from ghostdeploy.progress import SILENT, Progress

MOST_EVERY_MS = 3_600_000.0

Threads = int | Sequence[int] | Literal["auto"]


@dataclass(frozen=True)
class Setting:
    """Where and how to measure, as a user says it; see `bench`."""

    device: str | None = "local"
    runs: int = 100
    rounds: int = 5
    threads: Threads = 1
    cpus: str | None = None
    every_ms: float = 0.0
    rigorous: bool = False
    sustained_minutes: float = 0.0
    wishes: Wishes = field(default_factory=Wishes)
    runtime: Path | None = None


@contextmanager
def opened(setting: Setting) -> Iterator[tuple[Device, Protocol]]:
    """The device, for as long as the block runs, and the protocol that the setting means on it.

    Raises:
        UsageError: a number is out of range.
        DeviceNotFound, AffinityRefused: see `Device`.
    """
    if not 0 <= setting.every_ms <= MOST_EVERY_MS:      # false for NaN too
        raise UsageError(f"--every-ms {setting.every_ms} is out of range", f"it goes from 0 to {MOST_EVERY_MS:.0f}, "
                         "an hour", "choose a number of milliseconds within it")
    with lookup.opened(setting.device, runtime=setting.runtime) as target:
        cores = target.describe().cores
        chosen = None if setting.cpus is None else affinity.choose(setting.cpus, cores)
        usable = [core for core in cores if chosen is None or core.index in chosen]
        counts = _counts(setting.threads, usable)
        protocol = Protocol(setting.runs, setting.rounds, counts, chosen, every_ns=round(setting.every_ms * 1e6),
                            sustained_minutes=setting.sustained_minutes)
        yield target, protocol.rigorous() if setting.rigorous else protocol


def bench(*paths: str | Path, device: str | None = "local", runs: int = 100, rounds: int = 5,
          threads: Threads = 1, cpus: str | None = None, every_ms: float = 0.0, rigorous: bool = False,
          sustained_minutes: float = 0.0, profile: bool = False, keep_apps: bool = False, wishes: Wishes | None = None,
          runtime: str | Path | None = None, progress: Progress = SILENT) -> list[Result]:
    """Measure bundles (every artifact in them) and bare artifact files, interleaved.

    Args:
        paths: bundle directories and files.
        device: "local", or a device's serial; None for the one attached phone.
        runs: timed runs per round, after warm-up; every one is kept.
        rounds: fresh processes per artifact and thread count.
        threads: one or several thread counts, each gives a result of its own; "auto" is 1, 2, 4 and one on each
            fast core, as far as there are CPUs for them (those of `cpus`, else of this process's affinity).
        cpus: "big", "all" or a hexadecimal mask to pin to; None leaves the scheduler free.
        every_ms: milliseconds between the starts of runs, an app's cadence; 0 is back to back, an hour the most.
        rigorous: at least 7 rounds of 1024 runs, and as many rounds as give 60 s of runs.
        sustained_minutes: after the rounds, run each artifact so long without a pause, and keep the curve of latency,
            clocks and temperature; 0 for not at all.
        profile: also find where the time goes, by block and operator; on this machine only.
        keep_apps: leave other apps open; the same as `Wishes(close_apps="none")`.
        wishes: how a phone is to be while it is measured. Nothing of this machine is ever changed.
        runtime: for phones: a library of your own (.so, .aar) to measure with, instead of the pinned one.

    Returns:
        One result per artifact and thread count; times in ms. A wrong output or an unsteady machine does not raise:
        see `Result.summary.valid` and `.reasons`.

    Raises:
        UsageError: no paths, a number is out of range, or nothing of it can be profiled.
        DeviceNotFound, AffinityRefused, RunnerFailed: see `Device`.
        FileMissing, BundleInvalid, ArtifactRejected: a path cannot be measured.
        DeviceUnsuitable: the device runs none of them.
    """
    if not paths:
        raise UsageError("nothing to measure", "no bundle and no file was named", "name a bundle or an artifact file")
    wanted = wishes or Wishes()
    if keep_apps:
        wanted = replace(wanted, close_apps="none")
    setting = Setting(device, runs, rounds, threads, cpus, every_ms, rigorous, sustained_minutes, wanted,
                      None if runtime is None else Path(runtime))
    with opened(setting) as (target, protocol):
        progress.stage("open " + ", ".join(Path(path).name for path in paths))
        found = [subject for path in paths for subject in subjects(Path(path))]
        runnable = that_run_on(target, found, artifact_kind, progress)
        if profile:
            require_profilable(runnable, target, progress)
        results = told(measure(runnable, target, protocol, progress, wanted))
        return _profiled(results, runnable, target, protocol, progress) if profile else results


def _profiled(results: Sequence[Result], measured: Sequence[Subject], target: Device, protocol: Protocol,
              progress: Progress) -> list[Result]:
    """The results with their profiles, or with why there is none: what was measured does not hang on that."""
    found = [each for subject in measured for each in _profiles(subject, target, protocol, progress)]
    return [result.remarked("profile-missing", f"there is no profile: {each}") if isinstance(each, str) else
            replace(result, profile=each) for result, each in zip(results, found, strict=True)]


def _profiles(subject: Subject, target: Device, protocol: Protocol, progress: Progress) -> Sequence[Profile | str]:
    """One a thread count; a sentence in place of each where there cannot be one."""
    why = refusal(subject)
    if why is None:
        try:
            return profiles(subject, target, protocol, progress)
        except GhostdeployError as error:
            why = "; ".join(filter(None, (error.what, error.why)))
    return [why] * len(protocol.threads)


def artifact_kind(subject: Subject) -> ArtifactKind:
    """What decides whether a device runs the subject."""
    return ArtifactKind(subject.model.file, subject.model.format, subject.model.precision)


def _counts(threads: Threads, cores: Sequence[Core]) -> tuple[int, ...]:
    """Thread counts to measure. `auto` is 1, 2, 4 and one on each fast core, as far as there are CPUs for them.

    Where a phone's cores differ, one more thread than it has fast cores waits for a slow one in every layer.
    """
    if threads != "auto":
        return (threads,) if isinstance(threads, int) else tuple(int(count) for count in threads)
    fast = len(affinity.choose("big", cores))
    return tuple(sorted({count for count in (1, 2, 4, fast) if count <= len(cores)}))
