"""`ghostdeploy train`: the seed's recipe, from a TOML file."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ghostdeploy.cli.output import JsonFlag, emit, stages

if TYPE_CHECKING:
    from ghostdeploy.training.trainer import Moment

SCHEMA_VERSION = 1
DataOption = Annotated[Path | None, typer.Option(
    "--data", metavar="DIR", help="Instead of the recipe's set: train/CLASS/image and test/CLASS/image.",
    show_default=False)]
SettingsOption = Annotated[list[str] | None, typer.Option(
    "--set", metavar="TABLE.KEY=VALUE", help="Replace a value of the recipe; may be given more than once.")]
MinutesOption = Annotated[float | None, typer.Option(
    "--minutes", metavar="N", help="Stop after so long, with the state saved.", show_default=False)]
WorkersOption = Annotated[int | None, typer.Option(
    "--workers", metavar="N", min=0, help="Processes that load images; half the cores by default.", show_default=False)]
ProcessesOption = Annotated[int, typer.Option(
    "--processes", metavar="N", min=1, help="Processes that share each batch: one for each GPU, or for each core.")]
EVERY_S = 30.0          # between lines in a log; a terminal's line is renewed each second


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of one that comes along.")],
    data: DataOption = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="DIR", help="State, log and weights; out/train/RECIPE by default.",
        show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last saved state.")] = False,
    settings: SettingsOption = None,
    minutes: MinutesOption = None,
    workers: WorkersOption = None,
    processes: ProcessesOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Train a compact model in multi-branch form by a recipe; a run that was killed goes on with --resume.

    Example: [bold]ghostdeploy train ghostnetv3_050-cifar10 -o out/train[/]
    """
    from ghostdeploy.lifeline import end_with_parent
    from ghostdeploy.training.companions import COMPANION, command_of_this_process, companions, is_first

    if COMPANION in os.environ:
        end_with_parent()
    first = is_first()
    with stages(quiet=as_json or not first) as progress, companions(command_of_this_process(), processes):
        progress.stage("read the recipe")
        from ghostdeploy.training.recipe_file import find, read

        wanted = read(find(recipe), settings or ())
        from ghostdeploy.training.run import train as run  # with torch: seconds

        place = output or Path("out/train") / wanted.name
        done = run(wanted, place, data=data, resume=resume, minutes=minutes, workers=workers, progress=progress,
                   watch=Watching(progress.console, quiet=as_json))
    if not first:
        return
    emit({"schema_version": SCHEMA_VERSION, "recipe": wanted.name, "directory": str(done.directory),
          "weights": str(done.weights) if done.weights else None, "step": done.step, "steps": done.steps,
          "top1_raw": done.top1_raw, "top1_ema": done.top1_ema},
         lambda console: console.print(str(done.weights or done.directory), soft_wrap=True, highlight=False),
         as_json=as_json)


@dataclass
class Watching:
    """Prints how a run goes: each second over the same line of a terminal, every half minute in a log."""

    console: Console
    quiet: bool
    last: float = field(default_factory=time.monotonic)

    def __call__(self, moment: Moment) -> None:
        now = time.monotonic()
        if self.quiet or now - self.last < (1.0 if self.console.is_interactive else EVERY_S):
            return
        self.last = now
        left = timedelta(seconds=round(moment.left))
        text = (f"    step {moment.step} of {moment.steps} (epoch {moment.epoch}), loss {moment.loss:.3f}, "
                f"lr {moment.lr:.2g}, {moment.images_per_second:.0f} images/s, {left} left")
        self.console.print(text, end="\r" if self.console.is_interactive else "\n", highlight=False, soft_wrap=True)
