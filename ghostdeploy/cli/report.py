"""`ghostdeploy report`: results as one page that can be sent to anyone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ghostdeploy.cli.output import JsonFlag, check_output, emit, stages
from ghostdeploy.wording import counted


def report(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Files of `ghostdeploy bench -o`.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page.")] = Path("report.html"),
    as_json: JsonFlag = False,
) -> None:
    """Make one self-contained HTML page of results: distributions, runs over time, tables, published values.

    Example: [bold]ghostdeploy report phone.json laptop.json -o report.html[/]
    """
    check_output(output)
    with stages(quiet=as_json) as progress:
        progress.stage(f"read {counted(len(results), 'file')}")
        from ghostdeploy.benchmark.result import load_all
        from ghostdeploy.report.page import page
        from ghostdeploy.writing import write_whole

        found = [result for path in results for result in load_all(path)]
        progress.stage(f"draw {counted(len(found), 'result')}")
        text = page(found)
        progress.stage(f"write {output}")
        write_whole(output, text)
    emit({"page": str(output), "bytes": len(text.encode()), "results": len(found)},
         lambda console: console.print(f"{output}: {counted(len(found), 'result')}, {len(text) / 1e6:.1f} MB",
                                       highlight=False, markup=False, soft_wrap=True), as_json=as_json)
