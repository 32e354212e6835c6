"""What our own training writes beside the tensors: the form of the model, its classes, and how photos become inputs.

It stands in a safetensors file's metadata. A file from elsewhere has none, and is recognised by its tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ghostdeploy.branching.branches import Shape
from ghostdeploy.errors import CheckpointContent, UsageError
from ghostdeploy.preprocessing import Preprocessing

KEY = "ghostdeploy"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Note:
    """See the module. `branches` is the shape that `reparam` gave the card's convolutions; `outcome` is for people."""

    card: str
    branches: Shape
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    outcome: Mapping[str, Any]

    def metadata(self) -> dict[str, str]:
        """As safetensors stores it."""
        return {KEY: json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, sort_keys=True)}


def note_in(path: Path, metadata: Mapping[str, str] | None) -> Note | None:
    """The note in a file's metadata; None where there is none.

    Raises:
        CheckpointContent: there is one that we did not write, or that a later version wrote.
    """
    if metadata is None or KEY not in metadata:
        return None
    try:
        entry = json.loads(metadata[KEY])
        if entry["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"its version is {entry['schema_version']}, known is {SCHEMA_VERSION}")
        image = entry["preprocessing"]
        return Note(_text(entry["card"]), Shape(**entry["branches"]), tuple(_text(name) for name in entry["classes"]),
                    Preprocessing(int(image["input_size"]), float(image["crop"]), image["interpolation"],
                                  _rgb(image["mean"]), _rgb(image["std"])), dict(entry["outcome"]))
    except (ValueError, KeyError, TypeError, RecursionError, UsageError) as error:
        raise CheckpointContent(f"the note of a training run in {path} cannot be read", str(error)[:200],
                                "update ghostdeploy, or train again") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _rgb(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
