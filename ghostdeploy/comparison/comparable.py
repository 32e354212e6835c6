"""What two results differ in besides what they measured: a ratio across such a difference answers another question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ghostdeploy.benchmark.result import MeasuredModel, Result
from ghostdeploy.errors import ResultsIncomparable

WRONG = ("output-mismatch", "output-unstable")      # reasons of a result (benchmark/grade.py)


@dataclass(frozen=True)
class Difference:
    """Something that both results should share, as it was in each."""

    what: str
    a: str
    b: str

    def __str__(self) -> str:
        return f"{self.what}: {self.a} against {self.b}"


def differences(a: Result, b: Result) -> tuple[Difference, ...]:
    """Everything of `SHARED` in which the two differ."""
    facts = ((what, fact(a), fact(b)) for what, fact in SHARED.items())
    return tuple(Difference(what, ours, theirs) for what, ours, theirs in facts if ours != theirs)


def check(a: Result, b: Result, *, allow_differences: bool) -> tuple[Difference, ...]:
    """The differences that the user wanted to stand.

    Raises:
        ResultsIncomparable: there are some, and nobody wanted them; or, whatever is wanted, one of the two holds no
            latency (an emulated processor) or computes something else than its checkpoint (nobody wins by being wrong),
            or the two are the same measurement.
    """
    for result in (a, b):
        wrong = next((reason for reason in result.summary.reasons if reason.code in WRONG), None)
        if wrong is not None:
            raise ResultsIncomparable(f"{result.model.file} computes something else", wrong.text,
                                      "see `ghostdeploy verify`, and export it again")
        if result.device.emulated:
            raise ResultsIncomparable(f"{result.model.file} was measured on an emulated processor",
                                      "its times are those of the emulator", "measure it on a real device")
    if a == b:
        raise ResultsIncomparable("A and B are one and the same measurement", "", "name another result")
    found = differences(a, b)
    if found and not allow_differences:
        raise _unlike("; ".join(map(str, found)))
    return found


def check_models(a: MeasuredModel, b: MeasuredModel) -> None:
    """What can be known before minutes of measuring.

    Raises:
        ResultsIncomparable: the two run in different runtimes, or take inputs of different sizes.
    """
    if a.format != b.format:
        raise _unlike(f"runtime: that of .{a.format} against that of .{b.format}")
    if _shapes(a) != _shapes(b):
        raise _unlike(f"input size: {_shapes(a)} against {_shapes(b)}")


def _unlike(why: str) -> ResultsIncomparable:
    return ResultsIncomparable("the two differ in more than what is to be compared", why,
                               "measure both alike, or say --allow-differences")


def _system(result: Result) -> str:
    return f"{result.device.os}, kernel {result.device.kernel}"


def _runtime(result: Result) -> str:
    return f"{result.runtime.name} {result.runtime.version}"


def _shapes(model: MeasuredModel) -> str:
    """Without their layout: the same image in NCHW and in NHWC is the same input."""
    if model.inputs is None:
        return "unknown"
    return ", ".join("x".join(map(str, sorted(spec.shape))) for spec in model.inputs)


def _cpus(result: Result) -> str:
    cpus = result.protocol.cpus
    return "not pinned" if cpus is None else "CPU " + ",".join(map(str, cpus))


def _cadence(result: Result) -> str:
    return f"every {result.protocol.every_ns / 1e6:g} ms" if result.protocol.every_ns else "back to back"


SHARED: dict[str, Callable[[Result], str]] = {
    "device": lambda result: result.device.title,       # this very phone: two of a model differ by more than changes do
    "cores and memory": lambda result: result.device.size,
    "system": _system, "runtime": _runtime, "input size": lambda result: _shapes(result.model),
    "threads": lambda result: str(result.protocol.threads), "CPUs": _cpus, "cadence": _cadence,
    "artifacts in a process": lambda result: str(result.protocol.together),
}
