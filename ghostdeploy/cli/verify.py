"""`ghostdeploy verify`: does a bundle still compute what its checkpoint computes?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ghostdeploy.cli.conditions import RuntimeOption
from ghostdeploy.cli.options import CheckpointOption, ModelOption, WeightsOption, which_weights
from ghostdeploy.cli.output import JsonFlag, emit, heading, stages
from ghostdeploy.report.columns import columns

if TYPE_CHECKING:
    from ghostdeploy.verification import Verification


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A directory made by `ghostdeploy export`.")],
    images: Annotated[Path | None, typer.Option(metavar="DIR", help="Your own photos; needs --checkpoint.")] = None,
    device: Annotated[str, typer.Option(metavar="SERIAL", help="A phone; `local` is this machine.")] = "local",
    runtime: RuntimeOption = None,
    checkpoint: CheckpointOption = None,
    model: ModelOption = None,
    weights: WeightsOption = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Run every artifact of a bundle on real photos and compare it with the checkpoint; exit 5 if one differs.

    The photos and the checkpoint's answers lie inside the bundle; with --checkpoint, the file itself is asked again.

    Example: [bold]ghostdeploy verify dist/ghostnet[/]
    """
    copy = which_weights(weights)
    with stages(quiet=as_json) as progress:
        progress.stage("open the bundle")
        from ghostdeploy.verification import verify as run

        found = run(bundle, images, device, checkpoint=checkpoint, model=model, weights=copy, runtime=runtime,
                    progress=progress)
    emit(found.as_dict(), lambda console: render(console, found), as_json=as_json)


def render(console: Console, found: Verification) -> None:
    """One line per artifact."""
    heading(console, f"{found.bundle.name} on {found.device}, {len(found.names)} photos")
    table = columns("artifact", "max error", "relative", "SNR dB", "top-1 agrees", "top-5 agrees")
    for item in found.items:
        parity = item.parity
        table.add_row(item.artifact.file.name, f"{parity.max_abs_error:.1e}", f"{parity.max_rel_error:.1e}",
                      "exact" if parity.snr_db is None else f"{parity.snr_db:.0f}",
                      f"{parity.top1_agreement:.0%}", f"{parity.top5_agreement:.0%}")
    console.print(table)
    if found.bundle.random_weights:
        console.print("[yellow]Random weights:[/] the artifact may be right, its answers mean nothing.")
