"""Can a measurement be trusted? A grade, a verdict, and the reasons for both in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ghostdeploy.benchmark.statistics import Interval
from ghostdeploy.wording import counted

Grade = Literal["A", "B", "C", "D"]
Code = Literal["interval-wide", "warm-up-not-converged", "output-mismatch", "output-unstable", "runs-too-few",
               "threads-differ", "cpus-differ", "cpus-too-few", "one-round", "outliers", "deadlines-missed",
               "memory-unknown", "emulated", "throttled", "preflight", "slower-than-fp32", "drift",
               "curve-missing", "profile-missing"]

# Widest relative interval of each grade. 1 % is criterion's noise threshold; 2 % the smallest difference that is worth
# a verdict; 5 % is the project's limit of a valid measurement.
GRADES: tuple[tuple[Grade, float], ...] = (("A", 0.01), ("B", 0.02), ("C", 0.05))
VALID_WIDTH = 0.05
ONE_ROUND_GRADE: Grade = "C"     # process-to-process differences are the larger part (executorch#8603), and not seen
UNWARM_GRADE: Grade = "C"
THROTTLED_GRADE: Grade = "C"

# Of latency within a round, first third to last. The smallest difference that is worth a verdict: a model that is still
# getting slower by as much has no one latency. Chance alone makes 0.3 % of 1 % of noise in
# 100 runs (simulated, one standard deviation).
DRIFT = 0.02
DRIFTING_GRADE: Grade = "C"
RUNS_FOR_AN_INTERVAL = 6         # fewer values than this enclose their median with less than 95 %: 1 - 2 / 2^n


@dataclass(frozen=True)
class Reason:
    """What happened, likely why, and what to do. `invalidates` says whether the measurement may be quoted at all."""

    code: Code
    text: str
    invalidates: bool


@dataclass(frozen=True)
class Evidence:
    """What a judgement rests on. `converged` holds one entry per round.

    `mismatch` is the failed comparison in words, `memory_failure` what stopped the memory pass, `throttled` why rounds
    that count should not, `findings` the names of what was allowed to stand, `drift` how much slower rounds end than
    they begin, `outliers` how many there are for each cause, in words.
    """

    median: float
    interval: Interval
    runs: int
    converged: Sequence[bool]
    stable: Sequence[bool]
    mismatch: str | None
    threads: tuple[int, int]
    cpus: tuple[tuple[int, ...] | None, tuple[int, ...]]
    outliers: Sequence[tuple[str, int]]
    late: int
    memory_failure: str | None = None
    emulated: bool = False
    throttled: Sequence[str] = ()
    findings: Sequence[str] = ()
    drift: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """The grade, whether the numbers may be quoted, and why."""

    grade: Grade
    valid: bool
    reasons: tuple[Reason, ...]


def judge(evidence: Evidence) -> Judgement:
    """Judge a measurement. Nothing is corrected or dropped on the way."""
    reasons = tuple(_invalidating(evidence)) + tuple(_remarks(evidence))
    return Judgement(_grade(evidence), not any(reason.invalidates for reason in reasons), reasons)


def _grade(evidence: Evidence) -> Grade:
    width = _width(evidence)
    found: Grade = next((grade for grade, limit in GRADES if width <= limit), "D")
    if len(evidence.converged) == 1:
        found = max(found, ONE_ROUND_GRADE)
    if not all(evidence.converged):
        found = max(found, UNWARM_GRADE)
    if abs(evidence.drift) > DRIFT:
        found = max(found, DRIFTING_GRADE)
    if evidence.throttled:
        found = max(found, THROTTLED_GRADE)
    return "D" if evidence.mismatch or not all(evidence.stable) or _too_few(evidence) else found


def _width(evidence: Evidence) -> float:
    return (evidence.interval.high - evidence.interval.low) / evidence.median


def _too_few(evidence: Evidence) -> bool:
    return len(evidence.converged) == 1 and evidence.runs < RUNS_FOR_AN_INTERVAL


def _invalidating(evidence: Evidence) -> list[Reason]:
    reasons = []
    width, cold = _width(evidence), list(evidence.converged).count(False)
    if evidence.mismatch:
        reasons.append(Reason("output-mismatch", f"the output is not the golden output: {evidence.mismatch}", True))
    if not all(evidence.stable):
        reasons.append(Reason("output-unstable", "the first and the last run of a round gave different outputs", True))
    reasons += _of_the_device(evidence)
    if width > VALID_WIDTH:
        reasons.append(Reason("interval-wide", f"the 95 % interval is {width:.1%} wide (limit {VALID_WIDTH:.0%}): "
                              "other programs, or clocks that move; close programs, or take more --rounds", True))
    if cold:
        reasons.append(Reason("warm-up-not-converged", f"run times still moved when warm-up was given up, in {cold} of "
                              f"{len(evidence.converged)} rounds: the machine is busy or throttling", True))
    if _too_few(evidence):
        reasons.append(Reason("runs-too-few", f"{evidence.runs} runs in one round give no interval; use at least "
                              f"--runs {RUNS_FOR_AN_INTERVAL}", True))
    if evidence.threads[1] > evidence.threads[0]:
        reasons.append(Reason("threads-differ", f"asked for {evidence.threads[0]} threads, and {evidence.threads[1]} "
                              "were running", True))
    if evidence.cpus[0] is not None and evidence.threads[0] > len(evidence.cpus[0]):
        reasons.append(Reason("cpus-too-few", f"{evidence.threads[0]} threads shared {len(evidence.cpus[0])} CPUs: "
                              "give a mask with as many, or fewer --threads", True))
    if evidence.cpus[0] is not None and evidence.cpus[0] != evidence.cpus[1]:
        reasons.append(Reason("cpus-differ", f"asked for CPU {evidence.cpus[0]}, and ran on {evidence.cpus[1]}", True))
    return reasons


def _of_the_device(evidence: Evidence) -> list[Reason]:
    reasons = []
    if evidence.emulated:
        reasons.append(Reason("emulated", "the processor is emulated: its times say nothing of any phone", True))
    if evidence.throttled:
        reasons.append(Reason("throttled", f"{len(evidence.throttled)} rounds stayed throttled: "
                              f"{evidence.throttled[0]}; let the phone cool down, without its case, off the charger",
                              True))
    if evidence.findings:
        reasons.append(Reason("preflight", f"measured in spite of {', '.join(evidence.findings)}", True))
    return reasons


def _remarks(evidence: Evidence) -> list[Reason]:
    reasons = []
    if len(evidence.converged) == 1:
        reasons.append(Reason("one-round", "one round says nothing of how much processes differ; 5 rounds do", False))
    if evidence.threads[1] < evidence.threads[0]:
        reasons.append(Reason("threads-differ", f"asked for {evidence.threads[0]} threads, and the runtime started "
                              f"only {evidence.threads[1]}", False))
    if abs(evidence.drift) > DRIFT:
        way = "slower: heat, or a clock that falls; let it cool down" if evidence.drift > 0 else \
            "faster: a clock that rises, or a program that ended meanwhile; measure again"
        reasons.append(Reason("drift", f"rounds end {abs(evidence.drift):.1%} {way}", False))
    if evidence.outliers:
        told = ", ".join(f"{count} {cause}" for cause, count in evidence.outliers)
        number = sum(count for _, count in evidence.outliers)
        reasons.append(Reason("outliers", f"{counted(number, 'outlier')} among the runs: {told}", False))
    if evidence.memory_failure:
        reasons.append(Reason("memory-unknown", f"the memory pass failed, the times stand: {evidence.memory_failure}",
                              False))
    if evidence.late:
        reasons.append(Reason("deadlines-missed",
                              f"{counted(evidence.late, 'run')} took longer than the cadence allows", False))
    return reasons
