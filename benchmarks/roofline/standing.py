"""Roofs, floors, and where a model stands between them."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.roofline.layers import Layer


@dataclass(frozen=True)
class Roofs:
    """Multiply-adds, bytes within the caches and bytes from memory, all per nanosecond."""

    macs: float
    moved: float
    fetched: float

    def floor_ns(self, layer: Layer) -> float:
        """What the core needs for one at least."""
        return max(layer.macs / self.macs, layer.moved / self.moved)


@dataclass(frozen=True)
class BlockStanding:
    """A block of the model: what it took in the whole, and the floor of its layers together. Nanoseconds."""

    block: str
    macs: int
    ns: float
    floor_ns: float


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
