"""Times of one model on two sides, by kind of operator: what XNNPACK's operators are called, and a table of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

# What XNNPACK calls the same work in any precision contains one of these.
KINDS: Final = {"1x1 and matrix products": ("Fully Connected", "Batch Matrix"), "depthwise": ("DWConv",),
                "other convolutions": ("IGEMM",), "products": ("Multiply",), "sums": ("Add",),
                "concatenations, slices": ("Copy",), "conversions": ("Convert",), "curves": ("Sigmoid", "LUT"),
                "means": ("Mean",)}

# Of one round: nanoseconds of the whole, and of each kind.
Times = tuple[float, dict[str, float]]


@dataclass(frozen=True)
class Both:
    """One model: nanoseconds of the whole, and of each kind of operator, by side."""

    model: str
    whole_ns: dict[str, float]
    kinds: dict[str, dict[str, float]]


def kind_of(operator: str) -> str:
    """What XNNPACK's `operator` is called here; "other" where it is none of `KINDS`."""
    return next((kind for kind, words in KINDS.items() if any(word in operator for word in words)), "other")


def by_kind(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The sum of each kind."""
    kinds: dict[str, float] = {}
    for kind, ns in parts:
        kinds[kind] = kinds.get(kind, 0.0) + ns
    return kinds


def both(name: str, rounds: dict[str, list[Times]]) -> Both:
    """Medians over the rounds of each side."""
    kinds = dict.fromkeys(kind for measured in rounds.values() for _, found in measured for kind in found)
    return Both(name, {side: median(whole for whole, _ in measured) for side, measured in rounds.items()},
                {kind: {side: median(found.get(kind, 0.0) for _, found in measured)
                        for side, measured in rounds.items()} for kind in kinds})


def markdown(found: Sequence[Both], above: str, below: str) -> str:
    """One table a model: both sides and the ratio of side `above` to side `below`, the costliest kind above first."""
    lines = []
    for each in found:
        lines += [f"## {each.model}", "", f"| what | {below}, ms | {above}, ms | {above} over {below} |",
                  "|---|---:|---:|---:|", _row("whole", each.whole_ns[above], each.whole_ns[below])]
        lines += [_row(kind, times[above], times[below])
                  for kind, times in sorted(each.kinds.items(), key=lambda item: -item[1][above])]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(what: str, above: float, below: float) -> str:
    return f"| {what} | {below / 1e6:.2f} | {above / 1e6:.2f} | {f'{above / below:.2f}' if below else ''} |"
