"""`ghostdeploy compare`: is B faster than A, and is that certain?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ghostdeploy.cli.conditions import PhoneOptions, with_phone_options
from ghostdeploy.cli.options import counts
from ghostdeploy.cli.output import JsonFlag, check_output, emit, stages
from ghostdeploy.errors import Regression, Undecided, UsageError
from ghostdeploy.writing import write_whole

if TYPE_CHECKING:
    from ghostdeploy.comparison.verdict import Comparison


@with_phone_options
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A result of `bench -o`, or a bundle or artifact file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same kind of thing; the ratio is B over A.")],
    device: Annotated[str | None, typer.Option(
        metavar="SERIAL|local", help="Artifacts: where; by default the one attached phone.")] = None,
    runs: Annotated[int, typer.Option(metavar="N", help="Artifacts: timed runs per round.")] = 100,
    rounds: Annotated[int, typer.Option(metavar="N", help="Artifacts: fresh processes each, interleaved.")] = 7,
    threads: Annotated[str, typer.Option(metavar="N,N|auto", help="Artifacts: thread counts.")] = "1",
    cpus: Annotated[str | None, typer.Option(metavar="big|all|MASK", help="Artifacts: CPUs to pin to.")] = None,
    threshold: Annotated[float, typer.Option(
        metavar="SHARE", help="The smallest relative difference that matters.")] = 0.02,
    fail_above: Annotated[float | None, typer.Option(
        "--fail-above", metavar="RATIO", help="Exit 5 if B is certainly slower, and by more than this; e.g. 1.03.")
    ] = None,
    fail_unstable: Annotated[bool, typer.Option(
        "--fail-unstable", help="Exit 5 too where the rounds are too noisy for a verdict.")] = False,
    allow_differences: Annotated[bool, typer.Option(
        "--allow-differences", help="Compare across devices, runtimes, thread counts or input sizes.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there.")] = None,
    markdown: Annotated[Path | None, typer.Option(
        "--markdown", metavar="FILE", help="Write a GitHub-flavoured table there.")] = None,
    as_json: JsonFlag = False,
    *,
    phone: PhoneOptions,
) -> None:
    """Compare two results, or two artifacts measured interleaved: the ratio B over A, its 95 % interval, a verdict.

    Example: [bold]ghostdeploy compare dist/before dist/after --device local --fail-above 1.03[/]
    Two results: [bold]ghostdeploy compare monday.json tuesday.json[/]
    """
    for path in filter(None, (junit, markdown)):
        check_output(path)
    if fail_above is not None and not 1 <= fail_above < float("inf"):
        raise UsageError(f"--fail-above {fail_above} is out of range", "it is a ratio B over A", "for example 1.03")
    thread_counts = counts(threads)
    with stages(quiet=as_json) as progress:
        progress.stage("read")
        from ghostdeploy.benchmark.run import Setting
        from ghostdeploy.comparison.run import compare_all
        from ghostdeploy.report import comparison as report

        setting = Setting(device, runs, rounds, thread_counts, cpus, wishes=phone.wishes(progress),
                          runtime=phone.runtime)
        found = compare_all(a, b, threshold=threshold, allow_differences=allow_differences, setting=setting,
                            progress=progress)
        if junit is not None:
            write_whole(junit, report.junit(found, fail_above))
        if markdown is not None:
            write_whole(markdown, report.markdown(found))
    documents = [_document(each, fail_above) for each in found]
    emit(documents[0] if len(documents) == 1 else {"comparisons": documents},
         lambda console: report.render_comparisons(console, found), as_json=as_json)
    failure = _regression(found, fail_above) or (_undecided(found) if fail_unstable else None)
    if failure is None:
        return
    if as_json:    # the document says it already, and there is only one document
        raise typer.Exit(failure.exit_code)
    raise failure


def _document(found: Comparison, limit: float | None) -> dict[str, Any]:
    """The comparison, with what `--fail-above` asked and found if it was given."""
    asked = {} if limit is None else {"fail_above": limit, "regressed": found.regressed(limit)}
    return {**found.document(), **asked}


def _regression(found: Sequence[Comparison], limit: float | None) -> Regression | None:
    slower = [each for each in found if limit is not None and each.regressed(limit)]
    if not slower:
        return None
    worst = max(slower, key=lambda each: each.ratio)
    return Regression(f"{worst.b.file} takes {worst.ratio:.3f} times as long as {worst.a.file}",
                      f"the limit is {limit:g}, and the interval goes from {worst.interval[0]:.3f} to "
                      f"{worst.interval[1]:.3f}", "find what made it slower, or raise --fail-above")


def _undecided(found: Sequence[Comparison]) -> Undecided | None:
    open_ = [each for each in found if each.verdict == "unstable"]
    if not open_:
        return None
    return Undecided(f"{len(open_)} of {len(found)} comparisons have no verdict", open_[0].reasons[0].text,
                     "take more --rounds on a quieter machine, or leave --fail-unstable out")
