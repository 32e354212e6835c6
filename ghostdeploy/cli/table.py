"""`ghostdeploy table`: the latency of the zoo on a device, beside what was published."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ghostdeploy.cli.conditions import PhoneOptions, with_phone_options
from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import JsonFlag, emit, stages
from ghostdeploy.errors import TableIncomplete

if TYPE_CHECKING:
    from ghostdeploy.benchmark.zoo_run import Measured
    from ghostdeploy.lowering.artifact import Format

SCHEMA_VERSION = 1


@with_phone_options
def table(
    models: Annotated[str, typer.Option(
        "--models", metavar="A,B", help="Cards of the zoo; all by default.", show_default=False)] = "",
    device: Annotated[str | None, typer.Option(
        metavar="SERIAL|local", help="`local` is this machine; by default the one attached phone.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Of pte, tflite; comma-separated.")] = "pte,tflite",
    rounds: Annotated[int, typer.Option(metavar="N", help="Fresh processes per artifact.")] = 3,
    runs: Annotated[int, typer.Option(metavar="N", help="Timed runs per round.")] = 100,
    threads: Annotated[int, typer.Option(metavar="N", help="Threads.")] = 1,
    cpus: Annotated[str | None, typer.Option(metavar="big|all|MASK", help="CPUs to pin to.")] = None,
    output: Annotated[Path, typer.Option(
        "-o", "--output", metavar="DIR", help="Results, one a model, table.md and report.html.")] = Path("out/table"),
    as_json: JsonFlag = False,
    *,
    phone: PhoneOptions,
) -> None:
    """Export models of the zoo with random weights, measure each, and write the table; goes on where it was stopped.

    Example: [bold]ghostdeploy table --models ghostnetv3_100,mobilenetv2_100 --device local -o out/table[/]
    """
    with stages(quiet=as_json) as progress:
        progress.stage("look up the models")
        from ghostdeploy import zoo

        wanted = [zoo.card(name).name for name in names(models)] or [card.name for card in zoo.cards()]
        from ghostdeploy.benchmark.run import Setting  # with scipy and the plots: seconds
        from ghostdeploy.benchmark.zoo_run import measure_zoo
        from ghostdeploy.report.page import page
        from ghostdeploy.report.zoo_table import markdown
        from ghostdeploy.writing import write_whole

        setting = Setting(device, runs, rounds, threads, cpus, wishes=phone.wishes(progress), runtime=phone.runtime)
        measured = measure_zoo(wanted, output, setting, cast("tuple[Format, ...]", names(formats)), progress)
        text = markdown(measured)
        progress.stage(f"write {output / 'table.md'} and report.html")
        write_whole(output / "table.md", text)
        write_whole(output / "report.html", page([result for each in measured for result in each.results]))
    emit(_document(measured, output), lambda console: console.print(text, markup=False, highlight=False,
                                                                    soft_wrap=True), as_json=as_json)
    error = incomplete(measured)
    if error is not None and as_json:      # the document says it already, and there is only one document
        raise typer.Exit(error.exit_code)
    if error is not None:
        raise error


def incomplete(measured: list[Measured]) -> TableIncomplete | None:
    """The error for models that are not in the table; None where all are."""
    failed = [each for each in measured if each.failure]
    if not failed:
        return None
    return TableIncomplete(f"{len(failed)} of {len(measured)} models could not be measured",
                           f"{failed[0].model}: {failed[0].failure}",
                           "the table was written without them; run the same command again to try them again")


def _document(measured: list[Measured], output: Path) -> dict[str, object]:
    return {"schema_version": SCHEMA_VERSION, "table": str(output / "table.md"), "report": str(output / "report.html"),
            "models": [{"model": each.model, "failure": each.failure,
                        "results": [{"file": r.model.file, "threads": r.protocol.threads,
                                     "summary": asdict(r.summary)} for r in each.results]} for each in measured]}
