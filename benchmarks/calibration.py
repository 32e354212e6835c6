"""`python -m benchmarks.calibration`: the same artifact against itself on this machine. Are the intervals honest here?

Three questions, of real rounds. How often is an artifact called different from its own copy? How often is it called
slower once its times are multiplied by 1.03 (computed of the same rounds: a slowdown of exactly 3 %)? And how often do
two measurements of it, one comparison after the other, agree within their own intervals?
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.entry import program, publish
from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.run import Setting, opened
from ghostdeploy.benchmark.sniffing import sniff
from ghostdeploy.benchmark.subject import bare
from ghostdeploy.cli.output import stages
from ghostdeploy.comparison.verdict import Comparison, judge
from ghostdeploy.errors import CheckFailed
from ghostdeploy.progress import Progress

SLOWDOWN = 1.03
MODEL = "mobilenetv2_100"


@dataclass(frozen=True)
class Trial:
    """One comparison of an artifact with its copy, and with its copy slowed down by computation."""

    a: Result
    same: Comparison
    slower: Comparison


def calibrate(
    artifact: Annotated[Path | None, typer.Argument(
        metavar="FILE", help=f"By default a .tflite of {MODEL} with random weights, exported for this.")] = None,
    comparisons: Annotated[int, typer.Option(metavar="N", min=1, help="Of the artifact with itself.")] = 10,
    rounds: Annotated[int, typer.Option(metavar="N", min=2, help="Of each comparison.")] = 7,
    runs: Annotated[int, typer.Option(metavar="N", min=6, help="Timed runs a round.")] = 100,
    cpus: Annotated[str | None, typer.Option(
        metavar="big|all|MASK", help="CPUs to pin to; not pinned by default.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")] = Path(
        "out/calibration.md"),
) -> None:
    """Compare an artifact with its own copy, many times; exit 5 if one comparison calls them different."""
    with tempfile.TemporaryDirectory() as scratch, stages() as progress, opened(
            Setting(runs=runs, rounds=rounds, cpus=cpus)) as (target, protocol):
        path = artifact or _exported(Path(scratch), progress)
        subject = bare(path, sniff(path))
        copy = replace(subject, path=Path(shutil.copy(path, Path(scratch) / f"copy{path.suffix}")))
        trials = []
        for number in range(comparisons):
            progress.note(f"comparison {number + 1} of {comparisons}")
            a, b = measure([subject, copy], target, protocol, progress, company=2)
            trials.append(Trial(a, judge(a, b), judge(a, _slowed(b))))
    text = markdown(trials, protocol)
    publish(text, output)
    wrong = [t.same for t in trials if t.same.verdict in ("slower", "faster")]
    if wrong:
        raise CheckFailed(f"{len(wrong)} of {len(trials)} comparisons call an artifact different from its own copy",
                          f"a ratio of {wrong[0].ratio:.3f}", "see what else the machine does, and measure again")


def _exported(directory: Path, progress: Progress) -> Path:
    import ghostdeploy

    progress.stage(f"export {MODEL} with random weights")
    bundle = ghostdeploy.export(ghostdeploy.load(model=MODEL, random_weights=True), directory / "bundle",
                                formats=("tflite",))
    return bundle.artifacts[0].file


def _slowed(result: Result) -> Result:
    rounds = tuple(replace(r, samples_ns=tuple(round(ns * SLOWDOWN) for ns in r.samples_ns)) for r in result.rounds)
    return replace(result, rounds=rounds)


def agreeing(results: Sequence[Result]) -> int:
    """How many of the results that followed each other have intervals that overlap."""
    intervals = [result.summary.interval_ms for result in results]
    return sum(a[0] <= b[1] and b[0] <= a[1] for a, b in pairwise(intervals))


def width(result: Result) -> float:
    """Of its interval, relative: two that agree by being wide say little."""
    low, high = result.summary.interval_ms
    return (high - low) / result.summary.median_ms


def markdown(trials: Sequence[Trial], protocol: Protocol) -> str:
    """The answers, then each comparison."""
    first, results = trials[0].a, [trial.a for trial in trials]
    same, slower = (Counter(c) for c in zip(*((t.same.verdict, t.slower.verdict) for t in trials), strict=True))
    lines = [
        "# Calibration", "",
        f"{first.model.file} in {first.runtime.name} {first.runtime.version}, {first.device.soc or first.device.abi}, "
        f"{first.created[:10]}; {len(trials)} comparisons of {protocol.rounds} rounds of {protocol.runs} runs each, "
        "in which the two took turns in one process; not one was left out.", "",
        f"- against its own copy it was called: {_counted(same)}",
        f"- against its copy slowed down by exactly 3 % (computed of the same rounds): {_counted(slower)}",
        f"- {agreeing(results)} of {len(results) - 1} times two measurements in a row agree within their own "
        f"intervals, which are {median(map(width, results)):.1%} wide in the median",
        "", "| A, ms | wide | copy over A | 95 % interval | verdict | slowed by 3 % |", "|---:|---:|---:|---:|---|---|"]
    lines += [f"| {t.a.summary.median_ms:.3f} | {width(t.a):.1%} | {t.same.ratio:.4f} | {t.same.interval[0]:.4f} to "
              f"{t.same.interval[1]:.4f} | {t.same.verdict} | {t.slower.verdict} |" for t in trials]
    return "\n".join(lines) + "\n"


def _counted(verdicts: Counter[str]) -> str:
    return ", ".join(f"{verdict} {count} times" for verdict, count in verdicts.most_common())


if __name__ == "__main__":
    program(calibrate)
