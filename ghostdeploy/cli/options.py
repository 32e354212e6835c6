"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ghostdeploy.errors import UsageError

ModelOption = Annotated[str | None, typer.Option(
    "--model", metavar="NAME", help="A card of the zoo (see `ghostdeploy models`), or your own `package.module:factory`.")]
WeightsOption = Annotated[str, typer.Option(
    "--weights", metavar="raw|ema", help="Which copy to take where a checkpoint holds both; EMA by default.")]
CheckpointOption = Annotated[Path | None, typer.Option(
    "--checkpoint", metavar="FILE", help=".pth, .pt, .pth.tar or .safetensors.")]


def names(text: str) -> tuple[Any, ...]:
    """A comma-separated option as a tuple, without blanks or repeats."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def choice(option: str, value: str, allowed: tuple[str, ...]) -> Any:
    """`value` if it is allowed.

    Raises:
        UsageError: naming the option and what it takes.
    """
    if value not in allowed:
        raise UsageError(f"{option} {value} is not known", "", f"choose from {', '.join(allowed)}")
    return value
