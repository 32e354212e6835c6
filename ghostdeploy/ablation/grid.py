"""A table of ablations: a recipe, what is varied in it, and what the paper says about it."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ghostdeploy.errors import FileMissing, FileUnreadable, UsageError
from ghostdeploy.resources import folder
from ghostdeploy.training_errors import RecipeInvalid

NEXT = "see models/ablations/README.md"


@dataclass(frozen=True)
class Axis:
    """What is varied: choices by their label, each a tuple of settings as `train --set` takes them."""

    name: str
    choices: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Cell:
    """One choice on every axis. `published` is the paper's top-1 in %, where a source states it."""

    labels: tuple[str, ...]
    settings: tuple[str, ...]
    published: float | None

    @property
    def title(self) -> str:
        """Its labels in one line."""
        return ", ".join(self.labels)


@dataclass(frozen=True)
class Grid:
    """A table. `recipe` is the paper's own setting of it; `findings` are the paper's words on it, in ours."""

    name: str
    title: str
    recipe: str
    source: str
    findings: tuple[str, ...]
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]


def read(name: str) -> Grid:
    """The table in the file `name`, or the one that comes along under that name.

    Raises:
        FileMissing, FileUnreadable: about the file.
        RecipeInvalid: about what stands in it.
    """
    path = Path(name)
    along = folder("models") / "ablations" / f"{name}.toml"
    path = along if not path.exists() and along.exists() else path
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in along.parent.glob("*.toml")))
        raise FileMissing(f"no such table: {name}", f"those that come along: {known}", "name one, or a file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "name a table in TOML") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeInvalid(f"{path} is no TOML", str(error), NEXT) from error
    try:
        return _grid(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecipeInvalid(f"{path} is no table of ablations", f"{type(error).__name__}: {error}", NEXT) from error


def only(grid: Grid, labels: Collection[str]) -> Grid:
    """A part of the table: of each axis that has one of the choices `labels`, those choices; of the others, all.

    Raises:
        UsageError: no axis has one of them.
    """
    known = [label for axis in grid.axes for label, _ in axis.choices]
    for label in labels:
        if label not in known:
            raise UsageError(f"{grid.name} has no choice {label!r}", f"it has {', '.join(known)}", "name one of those")
    axes = tuple(replace(axis, choices=tuple(choice for choice in axis.choices if choice[0] in labels) or axis.choices)
                 for axis in grid.axes)
    kept = [{label for label, _ in axis.choices} for axis in axes]
    return replace(grid, axes=axes, cells=tuple(
        cell for cell in grid.cells
        if all(label in choices for label, choices in zip(cell.labels, kept, strict=True))))


def _grid(entry: Mapping[str, Any]) -> Grid:
    axes = tuple(Axis(name, tuple((label, tuple(settings)) for label, settings in choices.items()))
                 for name, choices in entry["axes"].items())
    published = {tuple(each["cell"]): float(each["top1"]) for each in entry.get("published", [])}
    cells = []
    for choice in itertools.product(*(axis.choices for axis in axes)):
        labels = tuple(label for label, _ in choice)
        settings = tuple(setting for _, several in choice for setting in several)
        cells.append(Cell(labels, settings, published.pop(labels, None)))
    if published:
        raise ValueError(f"a published value is of no cell: {', '.join(next(iter(published)))}")
    return Grid(entry["name"], entry["title"], entry["recipe"], entry["source"], tuple(entry["findings"]), axes,
                tuple(cells))
