"""From two results to faster, slower, same or unstable, with the ratio, its interval and the reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ghostdeploy.benchmark.grade import VALID_WIDTH
from ghostdeploy.benchmark.ratio import Method, Ratio, paired, unpaired
from ghostdeploy.benchmark.result import Result
from ghostdeploy.comparison.comparable import Difference
from ghostdeploy.device import records

Verdict = Literal["faster", "slower", "same", "unstable"]
Code = Literal["one-round", "interval-too-wide", "invalid-result", "not-interleaved", "differences-allowed"]

SCHEMA_VERSION: Literal[1] = 1

# The smallest difference that is called one. A choice, and no measurement: the width of a grade B.
THRESHOLD = 0.02
# Rounds of two seconds: seven minutes. A choice; whoever needs more has another problem.
MOST_ADVISED = 200


@dataclass(frozen=True)
class Remark:
    """What to know about a comparison, in words, with a stable code."""

    code: Code
    text: str


@dataclass(frozen=True)
class Side:
    """One of the two, in short."""

    file: str
    bundle: str | None
    sha256: str
    runtime: str
    weights: str
    threads: int
    median_ms: float
    rounds: int
    valid: bool


@dataclass(frozen=True)
class Comparison:
    """B over A: above 1 is slower.

    Attributes:
        ratio: of the latencies; `interval` holds it with `confidence`, by `method` (see `benchmark.ratio`).
        p_value: of the test of equality over rounds; None where there is only one round.
        threshold: a smaller difference than this, relative, is none.
        interleaved: whether the rounds of both stood beside each other in one run.
        together: whether they even took turns in the process of each round; either found the caches full of the other.
        differences: in what else the two differ, where that was allowed.
    """

    schema_version: Literal[1]
    ratio: float
    interval: tuple[float, float]
    verdict: Verdict
    reasons: tuple[Remark, ...]
    confidence: float
    method: Method
    p_value: float | None
    threshold: float
    interleaved: bool
    together: bool
    a: Side
    b: Side
    differences: tuple[Difference, ...]

    def document(self) -> dict[str, Any]:
        """The comparison as JSON."""
        document: dict[str, Any] = records.to_json(self)
        return document

    def regressed(self, limit: float) -> bool:
        """Whether B is slower than `limit` times A, and certainly slower at all."""
        return self.verdict != "unstable" and self.ratio > limit and self.interval[0] > 1


def judge(a: Result, b: Result, threshold: float = THRESHOLD, allowed: Sequence[Difference] = ()) -> Comparison:
    """Compare two results that `comparable.check` let through.

    `slower` and `faster` want both: an interval that does not hold 1, and a ratio beyond the threshold; `same` wants
    the whole interval within the threshold. All else is `unstable`: more rounds or a quieter machine would tell.

    An interval of 95 % misses 1 once in twenty comparisons of a thing with itself. On a quiet machine the threshold
    makes nothing of it; where the interval is wider than a valid measurement's may be, the ratio must be as far from 1
    as the interval is wide. (Before, one of ten comparisons of an artifact with its copy said faster: a
    ratio of 0.91, intervals from 7 to 48 % wide.)
    """
    interleaved = a.session is not None and a.session == b.session and len(a.medians_ns()) == len(b.medians_ns())
    found = (paired if interleaved else unpaired)(b.medians_ns(), a.medians_ns())
    verdict, reasons = _verdict(found, threshold, len(b.medians_ns()) if interleaved else None)
    invalid = [r for r in (a, b) if not r.summary.valid]
    if invalid:
        reasons.append(_invalid(invalid, interleaved))
        verdict = verdict if interleaved else "unstable"
    if not interleaved:
        reasons.append(Remark("not-interleaved", "the two were not measured beside each other: what changed in between "
                              "(heat, other programs) is in the ratio and not in its interval; "
                              "`ghostdeploy compare ARTIFACT ARTIFACT` interleaves them"))
    if allowed:
        reasons.append(Remark("differences-allowed", "compared in spite of " + "; ".join(map(str, allowed))))
    return Comparison(SCHEMA_VERSION, found.value, (found.low, found.high), verdict, tuple(reasons), found.confidence,
                      found.method, found.p_value, threshold, interleaved,
                      interleaved and a.protocol.together > 1, _side(a), _side(b), tuple(allowed))


def _verdict(found: Ratio, threshold: float, rounds: int | None) -> tuple[Verdict, list[Remark]]:
    """`rounds` that stood beside each other, None where they did not."""
    limit = 1 + threshold
    if not found.confidence:
        return "unstable", [Remark("one-round", "one round says nothing of how much processes differ; take 7 --rounds")]
    width = math.log(found.high / found.low)
    clear = max(math.log(limit), width if width > VALID_WIDTH else 0.0)
    if found.low > 1 and math.log(found.value) > clear:
        return "slower", []
    if found.high < 1 and math.log(found.value) < -clear:
        return "faster", []
    if 1 / limit <= found.low and found.high <= limit:
        return "same", []
    beyond = found.low > limit or found.high < 1 / limit
    why = (f"all of it beyond {threshold:.0%}, and yet wider than a difference that so noisy rounds can show" if beyond
           else f"neither within {threshold:.0%} nor clearly beyond")
    return "unstable", [Remark("interval-too-wide", f"the ratio may be anything from {found.low:.3f} to "
                               f"{found.high:.3f}, {why}: {_remedy(width / 2, threshold, rounds)}")]


def _remedy(half: float, threshold: float, rounds: int | None) -> str:
    """What to do about an interval that reaches `half` on either side and decides nothing.

    What keeps it wide is that each process gives either artifact its own luck, which more runs do not average out: in
    one process of 600 runs each, a copy took 0.984 to 1.020 of its original's time, and both halves of a process said
    the same within 0.6 % (MobileNetV2, LiteRT, 7 processes, two Xeon cores of a shared machine).
    """
    if rounds is None:
        return "take more --rounds, or close programs"
    wanted = enough_rounds(half, threshold, rounds)
    if wanted <= rounds:
        return "a difference as large as the --threshold itself; choose another"
    return (f"about {wanted} --rounds should do, or close programs" if wanted <= MOST_ADVISED
            else f"even {MOST_ADVISED} --rounds would not do; find what disturbs them, or close programs")


def enough_rounds(half: float, threshold: float, rounds: int) -> int:
    """Rounds after which an interval of `half` on either side reaches half of `threshold`: it narrows with their root.

    Half, so that of two that are equal the whole interval lies within the threshold, and a difference half as large
    again lies beyond it.
    """
    return math.ceil(rounds * (half / math.log(1 + threshold / 2)) ** 2)


def _invalid(results: Sequence[Result], interleaved: bool) -> Remark:
    why = "; ".join(dict.fromkeys(f"{r.model.file}: {reason.text}" for r in results for reason in r.summary.reasons
                                  if reason.invalidates))
    worth = "the ratio within the run stands" if interleaved else "no verdict can rest on it"
    return Remark("invalid-result", f"a latency may not be quoted by itself ({why}); {worth}")


def _side(result: Result) -> Side:
    return Side(result.model.file, result.model.bundle, result.model.sha256,
                f"{result.runtime.name} {result.runtime.version}", result.model.weights, result.protocol.threads,
                result.summary.median_ms, len(result.medians_ns()), result.summary.valid)
