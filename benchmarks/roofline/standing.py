"""Roofs, floors, and where a model stands between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.roofline.layers import Layer

# By how much the blocks' sum may miss the whole. The profiler drops fractions of microseconds: of 370 operators, as
# GhostNetV3 has, 0.2 ms in about 5. On a machine that changed its pace between both they were 36 % apart.
AGREE: Final = 0.1


@dataclass(frozen=True)
class Roofs:
    """Multiply-adds, bytes within the caches and bytes from memory, all per nanosecond."""

    macs: float
    moved: float
    fetched: float

    @classmethod
    def highest(cls, measured: Sequence[Roofs]) -> Roofs:
        """Of several measurements of one core: what it did once it can do."""
        return cls(max(each.macs for each in measured), max(each.moved for each in measured),
                   max(each.fetched for each in measured))

    def floor_ns(self, layer: Layer) -> float:
        """What the core needs for one at least."""
        return max(layer.macs / self.macs, layer.moved / self.moved)


@dataclass(frozen=True)
class BlockStanding:
    """A block of the model: what it took in the whole, in nanoseconds, and its layers."""

    block: str
    ns: float
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-adds of its layers."""
        return sum(layer.macs for layer in self.layers)


@dataclass(frozen=True)
class Standing:
    """One model: the artifact of `size` bytes, its layers with the time of one each, and the roofs beside them.

    `blocks` are in the order of execution; empty where the file's operators could not be matched with them.
    """

    model: str
    size: int
    whole_ns: float
    layers: tuple[tuple[Layer, float], ...]
    roofs: Roofs
    blocks: tuple[BlockStanding, ...] = ()

    @property
    def steady(self) -> bool:
        """Do blocks, by the profiler, and whole, by the clock, tell of one pace? Without blocks nothing objects."""
        together = sum(block.ns for block in self.blocks)
        return not self.blocks or abs(together / self.whole_ns - 1) <= AGREE
