"""Measuring: a fresh process per round, artifacts interleaved, memory in a pass of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ghostdeploy.benchmark import statistics
from ghostdeploy.benchmark.assembly import assemble
from ghostdeploy.benchmark.curve import Sustained
from ghostdeploy.benchmark.protocol import MOST_ROUNDS, Protocol, orders
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.round import Attempt
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.benchmark.sustained import sustain
from ghostdeploy.device.base import Device, DeviceInfo
from ghostdeploy.device.control import Control, Wishes
from ghostdeploy.device.job import Memory, together
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.progress import SILENT, Progress

MOST_REPEATS = 2    # of a round that was throttled: a phone that has not recovered by then is too warm for this model


@dataclass(frozen=True)
class Cell:
    """One line of the table: an artifact at a thread count."""

    subject: Subject
    threads: int


def measure(subjects: Sequence[Subject], device: Device, protocol: Protocol, progress: Progress = SILENT,
            wishes: Wishes | None = None, company: int = 1) -> list[Result]:
    """Measure every subject at every thread count; one result each, in the order of the subjects.

    The device is under control from the first round to the memory pass; rounds that it spoilt are kept in the result,
    marked, and made again.

    Args:
        company: so many subjects in a row (of one format) share the process of each round and take turns in it, run by
            run, where that can be (see `_shares`): their ratio is then free of what one process has and the next has
            not.

    Raises:
        DeviceError, ArtifactRejected: a round failed, see `Device.run`. A wrong output does not raise: the result is
            `valid: false`; nor does a failed memory pass: the result has no memory and says why.
    """
    cells = [Cell(subject, threads) for subject in subjects for threads in protocol.threads]
    groups = _groups(len(cells), len(protocol.threads), company if _shares(subjects, device, protocol) else 1)
    session = secrets.token_hex(8)
    info = device.describe()
    device.prepare([(subject.path, subject.model.format) for subject in subjects])
    with device.controlled(wishes or Wishes(), progress) as control:
        attempts = _rounds(cells, groups, device, info, control, protocol, session, progress)
        progress.stage("memory, in a pass of its own")
        memories = [_memory(cell, device, protocol) for cell in cells]
        curves = [_sustained(cell, done, device, control, protocol, progress)
                  for cell, done in zip(cells, attempts, strict=True)]
    results = [assemble(cell.subject, cell.threads, protocol, info, done, *memory, control=control, session=session,
                        together=len(groups[0])) for cell, done, memory in zip(cells, attempts, memories, strict=True)]
    return [result.remarked("curve-missing", f"there is no curve: {failure}") if failure else
            replace(result, sustained=curve) for result, (curve, failure) in zip(results, curves, strict=True)]


def _rounds(cells: Sequence[Cell], groups: Sequence[Sequence[int]], device: Device, info: DeviceInfo, control: Control,
            protocol: Protocol, session: str, progress: Progress) -> list[list[Attempt]]:
    """All processes of each cell, those that do not count included; groups in an order that `session` draws."""
    attempts: list[list[Attempt]] = [[] for _ in cells]
    processes = 0
    for number, indices in enumerate(orders(len(groups), session)):
        if _enough(attempts, number, protocol):
            if number == MOST_ROUNDS > protocol.rounds:
                progress.note(f"given up after {MOST_ROUNDS} rounds: not every artifact was timed for "
                              f"{protocol.min_ns / 1e9:g} s")
            break
        of = protocol.rounds if number < protocol.rounds else f"as many as take {protocol.min_ns / 1e9:g} s"
        progress.stage(f"round {number + 1} of {of}, {protocol.runs} runs each")
        for group in (groups[index] for index in indices):
            members = [cells[place] for place in group]
            for done in _round(members, device, info, control, protocol, processes, progress):
                processes += 1
                for place, attempt in zip(group, done, strict=True):
                    attempts[place].append(attempt)
    return attempts


def _shares(subjects: Sequence[Subject], device: Device, protocol: Protocol) -> bool:
    """Artifacts at an app's cadence have the core to themselves in between, as there; and threads that wait for work by
    spinning may take another artifact's core, unless both have the same threads: ExecuTorch has one pool a process.
    """
    alone = protocol.threads == (1,) or all(subject.model.format == "pte" for subject in subjects)
    return device.shares_processes() and not protocol.every_ns and alone


def _groups(count: int, threads: int, company: int) -> list[list[int]]:
    """Places of the cells that share processes: `company` subjects in a row, at each of `threads` thread counts."""
    return [[first + place + threads * number for number in range(company)]
            for first in range(0, count, threads * company) for place in range(threads)]


def _sustained(cell: Cell, done: Sequence[Attempt], device: Device, control: Control, protocol: Protocol,
               progress: Progress) -> tuple[Sustained | None, str | None]:
    """The curve that was asked for, or why there is none: finished rounds do not hang on it."""
    if not protocol.sustained_minutes:
        return None, None
    median_ms = statistics.median_of_medians([a.timing.samples_ns for a in done if not a.discarded]) / 1e6
    try:
        return sustain(cell.subject, cell.threads, median_ms, device, control, protocol, progress), None
    except GhostdeployError as error:
        return None, error.what


def _enough(attempts: Sequence[Sequence[Attempt]], rounds: int, protocol: Protocol) -> bool:
    """Whether all rounds were made, and every artifact was timed for as long as the protocol wants."""
    timed = [sum(sum(a.timing.samples_ns) for a in done if not a.discarded) for done in attempts]
    return rounds >= protocol.rounds and (rounds >= MOST_ROUNDS or min(timed) >= protocol.min_ns)


def _round(cells: Sequence[Cell], device: Device, info: DeviceInfo, control: Control, protocol: Protocol,
           position: int, progress: Progress) -> Iterator[list[Attempt]]:
    """One round that counts, after those that the device spoilt; the last one counts as it is, and says so."""
    for repeat in range(MOST_REPEATS + 1):
        control.rest()
        attempts = _attempt(cells, device, info, control, protocol, position + repeat)
        spoiled = attempts[0].spoiled
        if spoiled is None or repeat == MOST_REPEATS:
            yield attempts
            return
        progress.note(f"made again: {spoiled}")
        yield [replace(attempt, discarded=True) for attempt in attempts]


def _attempt(cells: Sequence[Cell], device: Device, info: DeviceInfo, control: Control, protocol: Protocol,
             position: int) -> list[Attempt]:
    """One process with all of the cells, which are opened in an order drawn anew."""
    order = secrets.SystemRandom().sample(range(len(cells)), len(cells))
    job = together([protocol.job(cells[place].subject, cells[place].threads, "time") for place in order])
    started = datetime.now(UTC).isoformat(timespec="seconds")
    before = device.state()
    run = device.run(job, [cells[place].subject.sample for place in order])
    after = device.state()
    spoiled = control.spoiled(before, after, info.cores, protocol.cpus)
    runs = dict(zip(order, run.apart(), strict=True))
    return [Attempt(position, started, before, after, runs[place], spoiled) for place in range(len(cells))]


def _memory(cell: Cell, device: Device, protocol: Protocol) -> tuple[Memory | None, str | None]:
    """Memory, or why there is none: it comes last, and minutes of finished rounds do not hang on it."""
    try:
        run = device.run(protocol.job(cell.subject, cell.threads, "memory"), [cell.subject.sample])
    except GhostdeployError as error:
        return None, error.what
    return run.report.memory, None
