"""Where the instructions of one inference go: functions of the runtime, each with what its instructions do."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from ghostdeploy.device.android import elf, qemu
from ghostdeploy.device.arm_instructions.blocks import NOWHERE
from ghostdeploy.device.arm_instructions.count import Instructions, counted, of
from ghostdeploy.device.arm_instructions.encodings import CLASSES, Class, class_of
from ghostdeploy.device.arm_instructions.functions import Functions, functions
from ghostdeploy.lowering.artifact import Format

K = TypeVar("K")
Kind = Literal["matrix product", "depthwise", "curve", "elementwise", "permute", "copy", "control"]


@dataclass(frozen=True)
class Place:
    """One function of a library, or a gap between two that holds assembly.

    Attributes:
        library: file name; empty for code that is in no file.
        start, end: addresses as linked.
        instructions: per inference.
        mix: instructions by class, per inference; the classes that do not occur are left out.
        kind: what the mix looks like. A guess from shares, not a name: the libraries have no symbols.
    """

    library: str
    start: int
    end: int
    instructions: int
    mix: Mapping[Class, int]
    kind: Kind


@dataclass(frozen=True)
class Attribution:
    """`places` are sorted, most instructions first; they add up to what `instructions` counts."""

    instructions: Instructions
    places: tuple[Place, ...]

    @property
    def by_kind(self) -> dict[Kind, int]:
        """Instructions per inference by kind of function."""
        return _sums((place.kind, place.instructions) for place in self.places)

    @property
    def by_class(self) -> dict[Class, int]:
        """Instructions per inference by what they do."""
        return _sums(item for place in self.places for item in place.mix.items())


def attribute(artifact: Path, format: Format, *, cpu: str = qemu.CPU_MODEL, threads: int = 1,
              half_arithmetic: bool = False) -> Attribution:
    """Attribute the instructions of one inference to functions. Raises: as `count`."""
    found = counted(artifact, format, cpu, threads, half_arithmetic)
    spent: Counter[tuple[Path, int]] = Counter()
    for part in found.parts:
        spent.update(found.blocks.by_place(part.blocks))
    return Attribution(of(found, cpu), places(spent))


def places(spent: Mapping[tuple[Path, int], int]) -> tuple[Place, ...]:
    """The functions in which instructions were `spent` (by file and offset), those with most first."""
    mixes: dict[tuple[Path, int, int], Counter[Class]] = {}
    for (path, offset), times in spent.items():
        code = _code(path)
        start, end = code.functions.around(code.address(offset))
        mixes.setdefault((path, start, end), Counter())[code.class_at(offset)] += times
    found = [_place(path, start, end, mix) for (path, start, end), mix in mixes.items()]
    return tuple(sorted(found, key=lambda place: place.instructions, reverse=True))


def kind_of(mix: Mapping[Class, int]) -> Kind:
    """What a function with this mix is likely to be.

    A matrix kernel multiplies by a lane, or by dot products, or loads less than it multiplies; a depthwise one loads an
    input and a weight for each multiplication; a curve (sigmoid, exp) computes much on what it loads; what neither
    multiplies nor adds moves data.
    """
    total = sum(mix.values())
    share = {name: mix.get(name, 0) / total for name in CLASSES}
    loads = share["vector load"] + share["load"]
    if share["fma by lane"] + share["dot product"] > 0.15 or share["integer multiply"] > 0.3:
        return "matrix product"
    multiplies = share["fma"] + share["integer multiply"]
    if share["fma"] > 0.05 and share["float arithmetic"] + share["other vector"] > 2 * multiplies:
        return "curve"
    if multiplies > 0.1:
        return "depthwise" if loads > multiplies else "matrix product"
    if share["float arithmetic"] + share["other vector"] > 0.1:
        return "elementwise"
    if share["permute"] > 0.1:
        return "permute"
    return "copy" if share["vector load"] + share["vector store"] > 0.2 else "control"


@dataclass(frozen=True)
class _Code:
    """A mapped file, read as code."""

    data: bytes
    loads: tuple[elf.Load, ...]
    functions: Functions

    def address(self, offset: int) -> int:
        for load in self.loads:
            if load.offset <= offset < load.offset + load.file_size:
                return offset - load.offset + load.address
        return offset

    def class_at(self, offset: int) -> Class:
        if offset + 4 > len(self.data):
            return "other"
        return class_of(struct.unpack_from("<I", self.data, offset)[0])


@cache
def _code(path: Path) -> _Code:
    if path == NOWHERE:
        return _Code(b"", (), Functions((), ()))
    data = path.read_bytes()
    try:
        parsed = elf.parse(data)
        return _Code(data, parsed.loads, functions(parsed))
    except elf.ElfError:
        return _Code(data, (), Functions((), ()))


def _place(path: Path, start: int, end: int, mix: Counter[Class]) -> Place:
    each = {name: mix[name] for name in CLASSES if mix[name]}
    return Place("" if path == NOWHERE else path.name, start, end, sum(each.values()), each, kind_of(mix))


def _sums(pairs: Iterable[tuple[K, int]]) -> dict[K, int]:
    sums: Counter[K] = Counter()
    for key, count in pairs:
        sums[key] += count
    return dict(sums.most_common())
