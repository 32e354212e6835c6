"""What the plugin writes: how often each block of code ran, and which file each address belongs to."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.errors import RunnerFailed

INSTRUCTION_BYTES = 4
NOWHERE = Path()


@dataclass(frozen=True)
class Block:
    """Consecutive instructions that ran `runs` times, each time from the first to the last."""

    address: int
    instructions: int
    runs: int


@dataclass(frozen=True)
class Mapping:
    """Addresses [start, end) hold `path` from byte `offset` on."""

    start: int
    end: int
    offset: int
    path: Path


@dataclass(frozen=True)
class Part:
    """What ran from the mark before to this one, which is the `mark`th that was given."""

    blocks: tuple[Block, ...]
    mark: int


@dataclass(frozen=True)
class Blocks:
    """One process. `maps` are in the order of their addresses, `parts` in time; what follows the last is in none."""

    blocks: tuple[Block, ...]
    maps: tuple[Mapping, ...]
    parts: tuple[Part, ...]

    def by_place(self, blocks: Iterable[Block]) -> Counter[tuple[Path, int]]:
        """How often each instruction ran, by file and offset in the file; `NOWHERE` for code that is in no file."""
        starts = [mapping.start for mapping in self.maps]
        counts: Counter[tuple[Path, int]] = Counter()
        for block in blocks:
            for address in _addresses(block):
                i = bisect.bisect_right(starts, address) - 1
                mapping = self.maps[i] if i >= 0 and address < self.maps[i].end else None
                place = (NOWHERE, address) if mapping is None else (mapping.path,
                                                                    address - mapping.start + mapping.offset)
                counts[place] += block.runs
        return counts


def total(blocks: Iterable[Block]) -> int:
    """Instructions retired."""
    return sum(block.instructions * block.runs for block in blocks)


def read(path: Path) -> Blocks:
    """Read what the plugin wrote.

    Raises:
        RunnerFailed: it wrote nothing, or not all.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise RunnerFailed("the instruction counter left no count", str(error),
                           "the counter is known to work with Debian's qemu-user 7.2") from error
    if not lines or lines[-1] != "end":
        raise RunnerFailed("the instruction counter's file is cut", "", "free space is needed in the temporary folder")
    blocks: list[Block] = []
    maps: list[Mapping] = []
    part: list[Block] = []
    parts: list[Part] = []
    for line in lines[:-1]:
        kind, *words = line.split(" ", 4)
        if kind == "mark":
            parts.append(Part(tuple(part), int(words[0])))
            part = []
        elif kind == "map":
            maps.append(Mapping(int(words[0], 16), int(words[1], 16), int(words[2], 16), Path(words[3])))
        else:
            (part if kind == "part" else blocks).append(Block(int(words[0], 16), int(words[1]), int(words[2])))
    return Blocks(tuple(blocks), tuple(sorted(maps, key=lambda mapping: mapping.start)), tuple(parts))


def _addresses(block: Block) -> Iterator[int]:
    return iter(range(block.address, block.address + INSTRUCTION_BYTES * block.instructions, INSTRUCTION_BYTES))
