"""The texts in tests/conditions/samples."""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(path.name for path in SAMPLES.glob("*.txt"))


def sample(name: str) -> str:
    """One of them."""
    return (SAMPLES / f"{name}.txt").read_text()
