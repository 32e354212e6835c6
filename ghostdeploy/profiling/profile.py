"""One artifact on this machine: the runtime's own profiler where it has one, blocks in turns where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.base import Device
from ghostdeploy.device.job import Job, PartTime, Profiled
from ghostdeploy.errors import RunnerFailed, UsageError
from ghostdeploy.profiling.attribution import by_block, operators
from ghostdeploy.profiling.record import BlockTime, OperatorKindTime, Profile
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.writing import temporary_directory

if TYPE_CHECKING:
    from ghostdeploy.profiling.parts import Parts

NS_PER_MS = 1e6
# A profile whose parts miss the whole by more has failed, or says why. GhostNetV3 1.0x at 224 pixels: within it in five
# of six runs on a noisy machine, once 33 %; 0.5x at 64 pixels, 0.7 ms: -15 % (.pte) and 32 % (.tflite) every time.
OPEN, TRIES = 0.1, 3


def refusal(subject: Subject) -> str | None:
    """A sentence why this artifact cannot be profiled, or None."""
    if subject.model.format == "onnx":
        return "neither its operators nor its blocks are measured: only .tflite and .pte are"
    if subject.model.format == "tflite":
        return None
    if subject.model.card is None:
        return "a .pte is taken apart by the card of its model, and it has none (a bare file, or a model of your own)"
    if subject.model.precision != "fp32":
        return (f"blocks of an {subject.model.precision} .pte would convert at their borders, which the whole does "
                "not; its .tflite can be profiled")
    return None


def require_profilable(subjects: Sequence[Subject], device: Device, progress: Progress) -> None:
    """Say which subjects will have no profile, before anything is measured.

    Raises:
        UsageError: none of them will, or the device is no machine that can be asked.
    """
    if device.describe().kind != "local":
        raise UsageError("--profile measures on this machine only", "the programs for phones run one artifact each, "
                         "and tell nothing of what is inside", "add --device local, or leave --profile out")
    refused = [(subject.model.file, why) for subject in subjects if (why := refusal(subject)) is not None]
    if len(refused) == len(subjects):
        raise UsageError(f"{refused[0][0]} cannot be profiled", refused[0][1], "leave --profile out")
    for file, why in refused:
        progress.note(f"no profile of {file}: {why}")


def profiles(subject: Subject, device: Device, protocol: Protocol, progress: Progress = SILENT) -> list[Profile]:
    """The profiles of a subject that is not refused, one for each thread count of `protocol`.

    Raises:
        DeviceError, ArtifactRejected: see `Device.run`.
        UsageError, WriteFailed: see `parts`.
    """
    jobs = [protocol.job(subject, threads, "profile") for threads in protocol.threads]
    if subject.model.format == "tflite":
        progress.stage(f"profile {subject.model.file} by LiteRT")
        return [closed(partial(_by_runtime, subject, device, job)) for job in jobs]
    from ghostdeploy.profiling.parts import parts  # brings torch, and fusion

    with temporary_directory() as directory:
        made = parts(subject, Path(directory), progress)
        progress.stage(f"profile {subject.model.file} by {len(made.files)} blocks in turns")
        return [closed(partial(_by_parts, made, subject, device, replace(job, parts=made.files))) for job in jobs]


def closed(measure: Callable[[], Profile]) -> Profile:
    """The first of a few profiles that adds up to its whole; of none that does, the nearest, which says so."""
    tried: list[Profile] = []
    while len(tried) < TRIES:
        tried.append(measure())
        if abs(tried[-1].unattributed_ms) <= OPEN * tried[-1].whole_ms:
            return tried[-1]
    best = min(tried, key=lambda profile: abs(profile.unattributed_ms) / profile.whole_ms)
    return replace(best, notes=(*best.notes, _why_open(best)))


def _why_open(profile: Profile) -> str:
    share = profile.unattributed_ms / profile.whole_ms
    if share < 0:
        return (f"alone, the blocks take {-share:.0%} longer than the whole: each is a call of the runtime by itself, "
                "which weighs in an inference as short as this")
    return (f"{share:.0%} of an inference is in no operator: entering the delegate, copying in and out and the "
            "profiling itself weigh in an inference as short as this, and so does what else the machine did")


def _by_parts(made: Parts, subject: Subject, device: Device, job: Job) -> Profile:
    found = _measured(device, job, subject)
    times: dict[str, float] = dict.fromkeys(made.names, 0.0)
    for name, part in zip(made.names, found.parts, strict=True):
        times[name] += part.ns
    blocks = tuple(BlockTime(name, ns / NS_PER_MS) for name, ns in times.items())
    return Profile("parts", found.runs, found.whole_ns / NS_PER_MS, blocks, (), _left(found), made.notes)


def _measured(device: Device, job: Job, subject: Subject) -> Profiled:
    found = device.run(job, [subject.sample]).report.profile
    if found is None:
        raise RunnerFailed("the device answered a profile without times", "", "please report it")
    return found


def _by_runtime(subject: Subject, device: Device, job: Job) -> Profile:
    found = _measured(device, job, subject)
    blocks = by_block(subject.stretches, operators(subject.path), found.parts) if subject.stretches else ()
    notes = () if blocks else (
        "operators could not be matched with the blocks of the model, so there are none here" if subject.stretches else
        "the file does not say which operators belong to which block of the model: a bundle of this version does",)
    return Profile("runtime", found.runs, found.whole_ns / NS_PER_MS, blocks, _kinds(found.parts), _left(found), notes)


def _kinds(ran: Sequence[PartTime]) -> tuple[OperatorKindTime, ...]:
    counts, times = Counter(part.name for part in ran), dict.fromkeys((part.name for part in ran), 0.0)
    for part in ran:
        times[part.name] += part.ns
    return tuple(OperatorKindTime(name, counts[name], ns / NS_PER_MS)
                 for name, ns in sorted(times.items(), key=lambda each: -each[1]))


def _left(found: Profiled) -> float:
    return (found.whole_ns - sum(part.ns for part in found.parts)) / NS_PER_MS
