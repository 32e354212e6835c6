"""The published JSON schemas of what ghostdeploy writes."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.schema.json").read_text())
    return found


def manifest() -> dict[str, Any]:
    """The schema of a bundle's `manifest.json`."""
    return _schema("manifest")


def result() -> dict[str, Any]:
    """The schema of what `bench -o` writes."""
    return _schema("result")


def profile() -> dict[str, Any]:
    """The schema of what `tune -o` writes."""
    return _schema("profile")


def comparison() -> dict[str, Any]:
    """The schema of what `compare --json` prints for a pair; several are `{"comparisons": [...]}`."""
    return _schema("comparison")
