"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from ghostdeploy.errors import UsageError

ModelOption = Annotated[str | None, typer.Option(
    "--model", metavar="NAME",
    help="A card of the zoo (see `ghostdeploy models`), or your own `package.module:factory`.")]
WeightsOption = Annotated[str, typer.Option(
    "--weights", metavar="raw|ema", help="Which copy to take where a checkpoint holds both; EMA by default.")]
CheckpointOption = Annotated[Path | None, typer.Option(
    "--checkpoint", metavar="FILE", help=".pth, .pt, .pth.tar or .safetensors.")]


def names(text: str) -> tuple[Any, ...]:
    """A comma-separated option as a tuple, without blanks or repeats."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def which_weights(value: str) -> Literal["auto", "raw", "ema"]:
    """The value of `--weights`.

    Raises:
        UsageError: it is another word.
    """
    if value not in ("auto", "raw", "ema"):
        raise UsageError(f"--weights {value} is not known", "", "choose raw or ema, or leave it out")
    return cast(Literal["auto", "raw", "ema"], value)
