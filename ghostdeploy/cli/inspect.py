"""`ghostdeploy inspect`: what a checkpoint is, and what fusion will do to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ghostdeploy.cli.options import ModelOption, WeightsOption, which_weights
from ghostdeploy.cli.output import JsonFlag, emit, stages

if TYPE_CHECKING:
    from ghostdeploy.checkpoint.inspection import Inspection

LEFT_SHOWN = 5


def inspect(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help=".pth, .pt, .pth.tar or .safetensors.")],
    model: ModelOption = None,
    weights: WeightsOption = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Say what a checkpoint is: architecture, form, averages, classes, size, and what fusion will do to it.

    Example: [bold]ghostdeploy inspect ghostnetv3-1.0.pth.tar[/]
    """
    copy = which_weights(weights)
    with stages(quiet=as_json) as progress:
        from ghostdeploy.checkpoint.inspection import inspect as run

        found = run(checkpoint, model=model, weights=copy, progress=progress)
    emit(found.as_dict(), lambda console: render(console, found), as_json=as_json)


def render(console: Console, found: Inspection) -> None:
    """Two columns: what is asked, and the answer."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in answers(found):
        table.add_row(title, text)
    console.print(table, markup=False, highlight=False)


def answers(found: Inspection) -> list[tuple[str, str]]:
    """Each fact with its title, in reading order."""
    model = f"{found.title} ({found.card})" if found.card else found.architecture
    named = {"library": "by its tensors' names", "official GhostNetV3": "by the official GhostNetV3 names",
             "order and shape": "by the order and shape of its tensors; its names are foreign",
             "note": "by the note of the training run that wrote it", None: "as you named it"}
    form = {"training": "training form (with branches)", "deployed": "deployed form (branches merged)",
            "single": "the only form it has"}[found.form]
    where = ".".join(found.at) or "the file itself"
    both = "; --weights raw|ema chooses" if len(found.inside) == 2 else ""
    fusion = found.fusion
    rows = [
        ("architecture", f"{model}, recognised {named[found.naming]}"), ("form", form),
        ("weights", f"{'averaged (EMA)' if found.weights == 'ema' else 'raw'}, from {where}; inside: "
                    f"{' and '.join(found.inside)}{both}"),
        ("classes", str(found.classes or "unknown")), ("stored as", f"{', '.join(found.dtypes)} ({found.container})"),
        ("as stored", f"{found.as_stored.params / 1e6:.3f} M params, {found.as_stored.macs / 1e6:.1f} M MACs at "
                      f"{found.input_size}x{found.input_size}"),
        ("after fusion", f"{found.fused.params / 1e6:.3f} M params, {found.fused.macs / 1e6:.1f} M MACs"),
        ("fusion", f"convolutions {fusion.convs_before} -> {fusion.convs_after}, BatchNorms {fusion.norms_before} -> "
                   f"{fusion.norms_after}"),
        *(("left", text) for text in fusion.left[:LEFT_SHOWN]),
        ("sha256", found.sha256),
    ]
    if len(fusion.left) > LEFT_SHOWN:
        rows.insert(-1, ("", f"and {len(fusion.left) - LEFT_SHOWN} more (--json has all)"))
    if found.lookalikes:
        rows.append(("beware", f"{', '.join(found.lookalikes)} has the same tensors and computes something else; no "
                               "file can tell them apart"))
    return rows
