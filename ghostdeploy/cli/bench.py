"""`ghostdeploy bench`: how fast is it, and can the number be trusted?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostdeploy.cli.conditions import PhoneOptions, with_phone_options
from ghostdeploy.cli.options import counts
from ghostdeploy.cli.output import JsonFlag, check_output, emit, stages
from ghostdeploy.errors import MeasurementInvalid

if TYPE_CHECKING:
    from ghostdeploy.benchmark.result import Result


@with_phone_options
def bench(
    paths: Annotated[list[Path], typer.Argument(
        metavar="BUNDLE_OR_FILE...", help="Bundles of `ghostdeploy export`, or bare .pte, .tflite and .onnx files.")],
    device: Annotated[str | None, typer.Option(
        metavar="SERIAL|local", help="`local` is this machine; by default the one attached phone.")] = None,
    runs: Annotated[int, typer.Option(metavar="N", help="Timed runs per round, all kept.")] = 100,
    rounds: Annotated[int, typer.Option(metavar="N", help="Fresh processes per artifact, interleaved.")] = 5,
    threads: Annotated[str, typer.Option(
        metavar="N,N|auto", help="Thread counts, each measured by itself; auto: 1, 2, 4, and one a fast core.")] = "1",
    cpus: Annotated[str | None, typer.Option(
        metavar="big|all|MASK", help="CPUs to pin to; a mask is hexadecimal. Default: the scheduler is free.")] = None,
    every_ms: Annotated[float, typer.Option(
        metavar="N", help="Milliseconds between the starts of runs, an app's cadence; 0 is back to back.")] = 0.0,
    rigorous: Annotated[bool, typer.Option(
        "--rigorous", help="At least 7 rounds of 1024 runs, and as many rounds as give 60 s of runs.")] = False,
    sustained: Annotated[float, typer.Option(
        metavar="MINUTES", help="Then run each artifact so long without a pause, for the curve of a warming device.",
        show_default=False)] = 0.0,
    profile: Annotated[bool, typer.Option(
        "--profile", help="Also find where the time goes, by block and operator (this machine only).")] = False,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="FILE", help="Write the result with every sample there.")] = None,
    as_json: JsonFlag = False,
    *,
    phone: PhoneOptions,
) -> None:
    """Measure latency: fresh processes, warm-up until converged, every run kept; exit 5 if a result is invalid.

    Example: [bold]ghostdeploy bench dist/ghostnet --device local --threads 1,2 -o result.json[/]
    A phone: [bold]ghostdeploy bench dist/ghostnet --device R58M123ABC --cpus big[/]
    """
    thread_counts = counts(threads)
    if output is not None:
        check_output(output)
    with stages(quiet=as_json) as progress:
        from ghostdeploy.benchmark.result import document, save_all
        from ghostdeploy.benchmark.run import bench as run
        from ghostdeploy.report.terminal import render_results

        wanted = phone.wishes(progress)
        results = run(*paths, device=device, runs=runs, rounds=rounds, threads=thread_counts, cpus=cpus,
                      every_ms=every_ms, rigorous=rigorous, sustained_minutes=sustained, profile=profile,
                      wishes=wanted, runtime=phone.runtime, progress=progress)
        if output is not None:
            progress.stage(f"write {output}")
            save_all(results, output)
    emit(document(results), lambda console: render_results(console, results), as_json=as_json)
    invalid = _invalid(results)
    if invalid is not None and as_json:    # the document says it already, and there is only one document
        raise typer.Exit(invalid.exit_code)
    if invalid is not None:
        raise invalid


def _invalid(results: list[Result]) -> MeasurementInvalid | None:
    """The error for results that must not be quoted; a wrong output comes before a noisy machine."""
    invalid = [(result.model.file, reason) for result in results for reason in result.summary.reasons
               if reason.invalidates]
    if not invalid:
        return None
    file, reason = min(invalid, key=lambda found: found[1].code not in ("output-mismatch", "output-unstable"))
    return MeasurementInvalid(f"{file}: {reason.text}", "the result was kept, and says that it is invalid",
                              "mend what it names and measure again")
