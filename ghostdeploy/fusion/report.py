"""What fusion did to a graph, and what it left alone and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Merged:
    """Several operators that became one.

    Attributes:
        node: the operator's name in the fused graph.
        parts: the operators that it stands for, by their names in the original: convolutions, norms, pools, scales.
        what: the outcome, such as `conv2d 3x3, 64 -> 64, groups 64`.
    """

    node: str
    parts: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class Left:
    """Something that could have been fused by its kind, and was not. `why` is one sentence."""

    node: str
    what: str
    why: str


@dataclass(frozen=True)
class FusionReport:
    """The outcome of `fuse`.

    Attributes:
        convs_before, convs_after: convolutions of any rank (linear layers not counted).
        norms_before, norms_after: BatchNorms of any rank.
        rel_error: the fused graph against the original in float64: max|difference| / max|original|, the worst of the
            inputs of the proof; NaN where the proof was not asked for.
        noise: the same for the original in its own precision.
        inputs: on how many inputs the two were measured.
        seconds: wall time of `fuse`, tracing and proof included.
    """

    convs_before: int
    convs_after: int
    norms_before: int
    norms_after: int
    merged: tuple[Merged, ...]
    left: tuple[Left, ...]
    rel_error: float
    noise: float
    inputs: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report as the manifest's `fusion` object; numbers that were not measured are null."""
        plain = asdict(self)
        for key in ("rel_error", "noise"):
            plain[key] = plain[key] if plain[key] == plain[key] else None
        plain["merged"] = [{**m, "parts": list(m["parts"])} for m in plain["merged"]]
        plain["left"] = list(plain["left"])
        return plain
