"""Measuring: a fresh process per round, artifacts interleaved, memory in a pass of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ghostdeploy.benchmark.assembly import assemble
from ghostdeploy.benchmark.protocol import Protocol, order
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.round import Attempt
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.base import Device
from ghostdeploy.device.job import Memory
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.progress import SILENT, Progress


@dataclass(frozen=True)
class Cell:
    """One line of the table: an artifact at a thread count."""

    subject: Subject
    threads: int


def measure(subjects: Sequence[Subject], device: Device, protocol: Protocol,
            progress: Progress = SILENT) -> list[Result]:
    """Measure every subject at every thread count; one result each, in the order of the subjects.

    Raises:
        DeviceError, ArtifactRejected: a round failed, see `Device.run`. A wrong output does not raise: the result is
            `valid: false`; nor does a failed memory pass: the result has no memory and says why.
    """
    cells = [Cell(subject, threads) for subject in subjects for threads in protocol.threads]
    info = device.describe()
    attempts: list[list[Attempt]] = [[] for _ in cells]
    for position, (number, index) in enumerate(order(len(cells), protocol.rounds)):
        if position % len(cells) == 0:
            progress.stage(f"round {number + 1} of {protocol.rounds}, {protocol.runs} runs each")
        attempts[index].append(_attempt(cells[index], device, protocol, position))
    progress.stage("memory, in a pass of its own")
    return [assemble(cell.subject, cell.threads, protocol, info, done, *_memory(cell, device, protocol))
            for cell, done in zip(cells, attempts, strict=True)]


def _attempt(cell: Cell, device: Device, protocol: Protocol, position: int) -> Attempt:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    before = device.state()
    run = device.run(protocol.job(cell.subject, cell.threads, "time"), [cell.subject.sample])
    return Attempt(position, started, before, device.state(), run)


def _memory(cell: Cell, device: Device, protocol: Protocol) -> tuple[Memory | None, str | None]:
    """Memory, or why there is none: it comes last, and minutes of finished rounds do not hang on it."""
    try:
        run = device.run(protocol.job(cell.subject, cell.threads, "memory"), [cell.subject.sample])
    except GhostdeployError as error:
        return None, error.what
    return run.report.memory, None
