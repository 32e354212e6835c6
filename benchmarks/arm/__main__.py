"""`python -m benchmarks.arm`: the comparison by arm64 instructions as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from benchmarks.arm.counting import compare
from benchmarks.arm.result import ArmResult
from benchmarks.arm.table import markdown
from benchmarks.entry import program, publish
from benchmarks.models import MODELS, QUICK
from ghostdeploy.cli.options import names
from ghostdeploy.device import records
from ghostdeploy.device.android import qemu
from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.writing import make_directory, write_json


def bench(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards; all of the comparison by default.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Two models.")] = False,
    cpu: Annotated[str, typer.Option(metavar="NAME", help="The emulated CPU, as qemu names it.")] = qemu.CPU_MODEL,
    store: Annotated[Path, typer.Option(metavar="DIR", help="Where counts are kept.")] = Path("build/bench-arm"),
    others_from: Annotated[Path | None, typer.Option(metavar="FILE", help=(
        "An earlier result: the rows of others that it has are taken from it."))] = None,
    recount: Annotated[str, typer.Option(metavar="A,B", help=(
        "With --others-from: the precisions in which ours are counted; all by default."))] = "",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="JSON; Markdown goes beside it.")
                      ] = Path("out/arm.json"),
) -> None:
    """Arm64 instructions per inference, ours beside stock ExecuTorch and litert-torch: a proxy, not time.

    Random weights. A run that was stopped goes on where it was.
    """
    earlier = None if others_from is None else ArmResult.load(others_from)
    precisions = names(recount)
    if not set(precisions) <= set(get_args(Precision)) or (precisions and earlier is None):
        raise UsageError(f"--recount {recount} cannot be", "it names precisions of ours, beside the rows of an earlier "
                         "result", f"choose from {', '.join(get_args(Precision))}, and give --others-from")
    result = compare(names(models) or (QUICK if quick else MODELS), cpu, store,
                     lambda line: typer.echo(line, err=True), earlier, cast("tuple[Precision, ...]", precisions))
    make_directory(output.parent)
    write_json(output, records.to_json(result))
    publish(markdown(result), output.with_suffix(".md"))


def main() -> None:
    """Entry point."""
    program(bench)


if __name__ == "__main__":
    main()
