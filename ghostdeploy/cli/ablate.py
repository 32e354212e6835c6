"""`ghostdeploy ablate`: the seed's tables of ablations, as grids of training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ghostdeploy.cli.output import JsonFlag, emit, stages
from ghostdeploy.cli.train import DataOption, MinutesOption, SettingsOption, Watching, WorkersOption
from ghostdeploy.errors import UsageError


def ablate(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A TOML file, or the name of one that comes along.")],
    recipe: Annotated[str | None, typer.Option(
        metavar="RECIPE", help="Instead of the paper's setting, e.g. a small one for this machine.",
        show_default=False)] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Runs of each cell.")] = 3,
    choices: Annotated[list[str] | None, typer.Option(
        "--only", metavar="CHOICE", help="Only the cells of this choice; may be given more than once.")] = None,
    data: DataOption = None,
    settings: SettingsOption = None,
    minutes: MinutesOption = None,
    workers: WorkersOption = None,
    output: Annotated[Path, typer.Option(
        "-o", "--output", metavar="DIR", help="TABLE.md, TABLE.json, and the runs.")] = Path("out/ablate"),
    as_json: JsonFlag = False,
) -> None:
    """Train every cell of one of the paper's ablations with several seeds; goes on where it was stopped.

    Example: [bold]ghostdeploy ablate table2-branches --recipe ghostnetv3_050-cifar10-small[/]
    """
    if seeds < 1:
        raise UsageError(f"--seeds {seeds} is no number of runs", "", "give 1 or more; 3 show a spread")
    with stages(quiet=as_json) as progress:
        progress.stage("read the table")
        import json

        from ghostdeploy.ablation.grid import only, read

        grid = only(read(table), choices or ())
        from ghostdeploy.ablation.report import json_file
        from ghostdeploy.ablation.run import ablate as run  # with torch: seconds

        run(grid, output, recipe=recipe, seeds=seeds, settings=settings or (), data=data, minutes=minutes,
            workers=workers, progress=progress, watch=Watching(progress.console, quiet=as_json))
        path = json_file(output, grid)
        found, text = json.loads(path.read_text()), path.with_suffix(".md").read_text()
    emit(found, lambda console: console.print(text, markup=False, highlight=False, soft_wrap=True), as_json=as_json)
