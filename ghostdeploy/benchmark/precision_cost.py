"""Is a lower precision slower than fp32 here? A file of half the size may well be."""

from __future__ import annotations

from collections.abc import Sequence

from ghostdeploy.benchmark.ratio import Ratio, paired
from ghostdeploy.benchmark.result import Result


def told(results: Sequence[Result]) -> list[Result]:
    """The results of one interleaved run; those slower than fp32 of the same bundle, format and threads say so.

    Slower is what the whole interval of the ratio says. Emulated times say nothing.
    """
    return [_told(result, next((base for base in results if _is_base(base, result)), None)) for result in results]


def _is_base(base: Result, result: Result) -> bool:
    def subject(of: Result) -> tuple[object, ...]:
        return of.model.bundle, of.model.name, of.model.format, of.protocol.threads

    return base.model.precision == "fp32" and subject(base) == subject(result)


def _told(result: Result, base: Result | None) -> Result:
    if base is None or result.model.precision in (None, "fp32") or result.device.emulated:
        return result
    found = _ratio(result, base)
    if found is None or found.low <= 1:
        return result
    text = (f"{result.model.precision} takes {found.value:.2f} times as long as fp32 on this device "
            f"({found.low:.2f} to {found.high:.2f}): only its size speaks for it here")
    return result.remarked("slower-than-fp32", text)


def _ratio(result: Result, base: Result) -> Ratio | None:
    """None where rounds are too few for an interval."""
    medians = result.medians_ns(), base.medians_ns()
    return paired(*medians) if min(map(len, medians)) > 1 else None
