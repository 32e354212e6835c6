"""From the processes of one artifact to its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from ghostdeploy.benchmark import statistics
from ghostdeploy.benchmark.grade import Evidence, Judgement, judge
from ghostdeploy.benchmark.outlier_causes import causes
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import SCHEMA_VERSION, ProtocolRecord, Result, Round, Summary
from ghostdeploy.benchmark.round import Attempt
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.base import DeviceInfo
from ghostdeploy.device.condition import Achieved, Condition
from ghostdeploy.device.control import Control, Uncontrolled, Wishes
from ghostdeploy.device.job import Memory
from ghostdeploy.errors import ParityFailed
from ghostdeploy.parity import Parity, compare_outputs
from ghostdeploy.version import VERSION

NS_PER_MS = 1e6
KB_PER_MB = 1e6 / 1024      # the kernel's kB are KiB; ours are decimal


def assemble(subject: Subject, threads: int, protocol: Protocol, device: DeviceInfo, attempts: Sequence[Attempt],
             memory: Memory | None, memory_failure: str | None = None, control: Control | None = None,
             session: str | None = None, together: int = 1) -> Result:
    """The result of all rounds of one artifact with one thread count; `memory_failure` says why there is no memory.

    `session` names the interleaved run that the rounds belong to, `together` says how many artifacts shared their
    processes. Rounds that were made again are in the result, and nothing is computed from their times.
    """
    rounds = tuple(attempt.record() for attempt in attempts)
    counted = tuple(measured for measured in rounds if measured.discarded is None)
    found = control or Uncontrolled(Wishes())
    parity, mismatch = _compared(subject, attempts)
    judgement = judge(replace(
        _evidence(counted, protocol, threads, mismatch, memory_failure), emulated=device.emulated,
        findings=[finding.name for finding in found.findings()],
        throttled=[attempt.spoiled for attempt in attempts if attempt.spoiled and not attempt.discarded]))
    return Result(
        schema_version=SCHEMA_VERSION, created=datetime.now(UTC).isoformat(timespec="seconds"), ghostdeploy=VERSION,
        model=subject.model, runtime=attempts[0].run.report.runtime, device=device,
        conditions=(*_conditions(rounds, protocol), *_arithmetic(subject, attempts), *found.records()),
        findings=found.findings(),
        protocol=ProtocolRecord(protocol.runs, len(counted), threads, protocol.cpus, protocol.warm_up,
                                protocol.every_ns, subject.input, subject.golden is not None, together),
        rounds=rounds, memory=memory, summary=_summary(counted, memory, judgement), parity=parity, session=session)


def _compared(subject: Subject, attempts: Sequence[Attempt]) -> tuple[Parity | None, str | None]:
    """Parity of every output that the rounds gave with the golden one, and what is wrong with it, if anything."""
    if subject.golden is None:
        return None, None
    outputs = [sample[0] for attempt in attempts for sample in attempt.run.outputs]
    names = [f"round {i + 1}, {when} run" for i in range(len(attempts)) for when in ("first", "last")]
    try:
        parity = compare_outputs(np.concatenate([subject.golden.output] * len(outputs)), np.concatenate(outputs),
                                 limit=subject.golden.limit, names=names, source=subject.input)
    except ParityFailed as error:
        return None, error.what
    return parity, None if parity.passed else f"{parity.max_rel_error:.1e} relative, limit {parity.limit:.1e}"


def _evidence(rounds: tuple[Round, ...], protocol: Protocol, threads: int, mismatch: str | None,
              memory_failure: str | None) -> Evidence:
    samples = [r.samples_ns for r in rounds]
    return Evidence(
        median=statistics.median_of_medians(samples), interval=statistics.interval(samples), runs=protocol.runs,
        converged=[r.warm_up.converged for r in rounds], stable=[r.stable for r in rounds], mismatch=mismatch,
        threads=(threads, max((r.threads for r in rounds), key=lambda found: abs(found - threads))),
        cpus=(protocol.cpus, tuple(sorted({cpu for r in rounds for cpu in r.cpus}))),
        outliers=causes(rounds),
        late=sum(r.late for r in rounds), memory_failure=memory_failure, drift=statistics.drift(samples))


def _summary(rounds: tuple[Round, ...], memory: Memory | None, judgement: Judgement) -> Summary:
    samples = [r.samples_ns for r in rounds]
    values, interval = statistics.pooled(samples), statistics.interval(samples)
    return Summary(
        median_ms=statistics.median_of_medians(samples) / NS_PER_MS,
        interval_ms=(interval.low / NS_PER_MS, interval.high / NS_PER_MS), interval_method=interval.method,
        p90_ms=statistics.percentile(samples, 90) / NS_PER_MS, p99_ms=statistics.percentile(samples, 99) / NS_PER_MS,
        min_ms=float(values.min()) / NS_PER_MS, mean_ms=float(values.mean()) / NS_PER_MS,
        std_ms=statistics.deviation(samples) / NS_PER_MS,
        first_ms=float(np.median([r.first_ns for r in rounds])) / NS_PER_MS,
        load_ms=float(np.median([r.load_ns for r in rounds])) / NS_PER_MS,
        peak_mb=memory.peak_rss_kb / KB_PER_MB if memory else None,
        artifact_mb=max(0, memory.peak_rss_kb - memory.idle_rss_kb) / KB_PER_MB if memory else None,
        outliers=sum(len(r.outliers) for r in rounds), grade=judgement.grade, valid=judgement.valid,
        reasons=judgement.reasons)


def _conditions(rounds: tuple[Round, ...], protocol: Protocol) -> tuple[Condition, ...]:
    """What matters on any device and nobody can set: a process can be pinned, everything else is only watched."""
    first, last = rounds[0].before, rounds[-1].after
    wanted = "unpinned" if protocol.cpus is None else ",".join(map(str, protocol.cpus))
    found = ",".join(map(str, sorted({cpu for r in rounds for cpu in r.cpus})))
    affinity = Condition("cpu-affinity", wanted, "not controlled" if protocol.cpus is None else "achieved", None, found,
                         None)
    watched = (("other-load", "idle", first.load, last.load), ("temperature", "steady", first.thermal, last.thermal),
               ("stolen-time", "none", first.stolen_s, last.stolen_s),
               ("clocks", "fixed", _clocks(first.clocks_khz), _clocks(last.clocks_khz)))
    return (affinity, *(Condition(name, aim, "not controlled", _text(before), _text(after), None)
                              for name, aim, before, after in watched))


def _arithmetic(subject: Subject, attempts: Sequence[Attempt]) -> tuple[Condition, ...]:
    """Whether half precision was in effect, where the manifest wants it of the runtime."""
    if not subject.half_arithmetic:
        return ()
    half = all(attempt.run.report.half_arithmetic for attempt in attempts)
    achieved: Achieved = "achieved" if half else "refused"
    return (Condition("arithmetic", "float16", achieved, None, "float16" if half else "float32", None),)


def _clocks(khz: Sequence[int | None]) -> str | None:
    return None if None in khz else ",".join(map(str, khz))


def _text(value: float | str | None) -> str | None:
    return None if value is None else str(value)
