"""A profile as a result keeps it. Milliseconds everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["runtime", "parts"]


@dataclass(frozen=True)
class BlockTime:
    """A block of the model, by the path of its module."""

    block: str
    ms: float


@dataclass(frozen=True)
class OperatorKindTime:
    """All operators of one kind, as the runtime calls it."""

    operator: str
    count: int
    ms: float


@dataclass(frozen=True)
class Profile:
    """Where one inference goes.

    Attributes:
        method: `runtime` for the runtime's own profiler; `parts` for the blocks as artifacts of their own, run in turns
            with the whole.
        whole_ms: one inference, measured in the same process and the same runs.
        blocks: in the order of execution; empty where the file does not say what belongs to which block.
        operators: the costliest kind first; empty for `parts`.
        unattributed_ms: what is left of the whole. Below zero where parts alone take longer than together.
        notes: what the reader should know of this profile, in sentences.
    """

    method: Method
    runs: int
    whole_ms: float
    blocks: tuple[BlockTime, ...]
    operators: tuple[OperatorKindTime, ...]
    unattributed_ms: float
    notes: tuple[str, ...] = ()
