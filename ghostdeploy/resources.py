"""Finds the folders that stand at the top of the repository and travel inside an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def folder(name: Literal["models", "android_bench"]) -> Path:
    """The folder `name`: inside the package where that was built into a wheel, else beside it in the repository."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
