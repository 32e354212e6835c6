"""Reading Android libraries and programs (ELF, 64-bit, little-endian) as the phone's loader does: by program headers.

Every read is checked against the file's bounds and every loop has an end, so that a broken file is an `ElfError` and
nothing else. Reference: the System V ABI, and bionic's linker for the `Android` note.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

# By class and e_machine.
MACHINES: Final = {(2, 183): "arm64-v8a", (2, 62): "x86_64", (1, 40): "armeabi-v7a", (1, 3): "x86"}
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_SONAME, DT_RUNPATH = 1, 4, 5, 6, 14, 29
DT_GNU_HASH, DT_VERSYM, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFE, 0x6FFFFFFF
ET_EXEC, ET_DYN = 2, 3
SYMBOL_SIZE = 24
MOST_VERSIONS = 1 << 15     # symbols number them with 15 bits
ANDROID_NOTE = (b"Android\0", 1)


class ElfError(ValueError):
    """Raised when a file is no 64-bit little-endian ELF, or points outside itself; the message says where."""


@dataclass(frozen=True)
class Load:
    """A part of the file that the loader maps. `alignment` decides on which page sizes it can be loaded."""

    offset: int
    address: int
    file_size: int
    alignment: int


@dataclass(frozen=True)
class Symbol:
    """A dynamic symbol. `version` is what an imported one asks for, empty for none; `address` is 0 for imports."""

    name: str
    version: str
    defined: bool
    weak: bool
    address: int


@dataclass(frozen=True)
class Elf:
    """A library or program. `android_api` is the lowest API level by its ident note, None without one."""

    abi: str
    position_independent: bool
    loads: tuple[Load, ...]
    interpreter: str | None
    soname: str | None
    needed: tuple[str, ...]
    runpath: str | None
    symbols: tuple[Symbol, ...]
    android_api: int | None
    data: bytes = field(repr=False, compare=False)

    @property
    def page_alignment(self) -> int:
        """The largest page size in bytes on which every part can be mapped."""
        return min((load.alignment for load in self.loads), default=0)

    @property
    def exports(self) -> dict[str, int]:
        """Addresses of the defined symbols."""
        return {symbol.name: symbol.address for symbol in self.symbols if symbol.defined}

    @property
    def imports(self) -> frozenset[str]:
        """Names that must come from other libraries."""
        return frozenset(symbol.name for symbol in self.symbols if not symbol.defined and not symbol.weak)

    def at(self, address: int, size: int) -> bytes:
        """`size` bytes as they are in memory before relocation; fewer where the file ends.

        Raises:
            ElfError: no part of the file is mapped there.
        """
        start = _offset(self.loads, address)
        return self.data[start:start + size]


def parse(data: bytes) -> Elf:
    """Read an ELF file.

    Raises:
        ElfError: see there.
    """
    if data[:4] != b"\x7fELF" or len(data) < 64:
        raise ElfError("this is no ELF file")
    machine, = _read(data, "<H", 18)
    abi = MACHINES.get((data[4], machine))
    if data[4] != 2 or data[5] != 1 or abi is None:
        raise ElfError(f"built for {abi or f'machine {machine}'}, neither arm64-v8a nor x86_64")
    kind, = _read(data, "<H", 16)
    if kind not in (ET_EXEC, ET_DYN):
        raise ElfError("neither a library nor a program")
    headers = _program_headers(data)
    loads = tuple(Load(offset, address, size, alignment)
                  for what, offset, address, size, alignment in headers if what == PT_LOAD)
    tags = [tag for what, offset, _, size, _ in headers if what == PT_DYNAMIC for tag in _dynamic(data, offset, size)]
    single = dict(reversed(tags))
    strings = _offset(loads, single[DT_STRTAB]) if DT_STRTAB in single else len(data)
    named = {tag: _text(data, strings + single[tag]) for tag in (DT_SONAME, DT_RUNPATH) if tag in single}
    interpreters = [_text(data, offset) for what, offset, _, _, _ in headers if what == PT_INTERP]
    apis = [api for what, offset, _, size, _ in headers if what == PT_NOTE
            for api in _android_api(data, offset, size)]
    return Elf(abi, kind == ET_DYN, loads, interpreters[0] if interpreters else None, named.get(DT_SONAME),
               tuple(_text(data, strings + value) for tag, value in tags if tag == DT_NEEDED), named.get(DT_RUNPATH),
               tuple(_symbols(data, loads, single, strings)), apis[0] if apis else None, data)


def _program_headers(data: bytes) -> list[tuple[int, int, int, int, int]]:
    """Type, offset, address, size in the file, alignment of each."""
    table, = _read(data, "<Q", 32)
    size, count = _read(data, "<HH", 54)
    if size != 56:
        raise ElfError(f"program headers of {size} bytes")
    found = []
    for i in range(count):
        what, _, offset, address, _, file_size, _, alignment = _read(data, "<IIQQQQQQ", table + i * size)
        found.append((what, offset, address, file_size, alignment))
    return found


def _dynamic(data: bytes, offset: int, size: int) -> Iterator[tuple[int, int]]:
    for at in range(offset, offset + size - 15, 16):
        tag, value = _read(data, "<QQ", at)
        if tag == 0:
            return
        yield tag, value


def _symbols(data: bytes, loads: tuple[Load, ...], tags: dict[int, int], strings: int) -> Iterator[Symbol]:
    if DT_SYMTAB not in tags:
        return
    table = _offset(loads, tags[DT_SYMTAB])
    versions = _needed_versions(data, loads, tags, strings)
    numbers = _offset(loads, tags[DT_VERSYM]) if DT_VERSYM in tags else None
    for i in range(1, _symbol_count(data, loads, tags)):
        name, info, _, section, address, _ = _read(data, "<IBBHQQ", table + SYMBOL_SIZE * i)
        binding = info >> 4
        if not name or not binding:     # unnamed or local
            continue
        number = 0 if numbers is None else _read(data, "<H", numbers + 2 * i)[0] & 0x7FFF
        yield Symbol(_text(data, strings + name), versions.get(number, ""), section != 0, binding == 2, address)


def _symbol_count(data: bytes, loads: tuple[Load, ...], tags: dict[int, int]) -> int:
    """No header says it: the hash tables do."""
    if DT_HASH in tags:
        count = int(_read(data, "<I", _offset(loads, tags[DT_HASH]) + 4)[0])
        return min(count, len(data) // SYMBOL_SIZE)
    if DT_GNU_HASH not in tags:
        raise ElfError("no hash table, so its symbols cannot be counted")
    at = _offset(loads, tags[DT_GNU_HASH])
    buckets, first, bloom = _read(data, "<III", at)
    chains = at + 16 + 8 * bloom + 4 * buckets
    if chains > len(data):
        raise ElfError("a hash table larger than the file")
    last = max(_read(data, f"<{buckets}I", at + 16 + 8 * bloom), default=0)
    while last >= first and not _read(data, "<I", chains + 4 * (last - first))[0] & 1:
        last += 1
    return last + 1 if last >= first else first


def _needed_versions(data: bytes, loads: tuple[Load, ...], tags: dict[int, int], strings: int) -> dict[int, str]:
    """Version names by the numbers that symbols carry."""
    found: dict[int, str] = {}
    if DT_VERNEED not in tags:
        return found
    at, read = _offset(loads, tags[DT_VERNEED]), 0
    for _ in range(tags.get(DT_VERNEEDNUM, 0)):
        _, count, _, auxiliary, following = _read(data, "<HHIII", at)
        entry = at + auxiliary
        for _ in range(count):
            _, _, number, name, step = _read(data, "<IHHII", entry)
            found[number & 0x7FFF] = _text(data, strings + name)
            entry, read = entry + step, read + 1
            if read > MOST_VERSIONS:
                raise ElfError("its table of needed versions does not end")
        if not following:
            break
        at += following
    return found


def _android_api(data: bytes, offset: int, size: int) -> Iterator[int]:
    at, end = offset, offset + size
    while at + 12 <= end:
        name_size, value_size, kind = _read(data, "<III", at)
        name = data[at + 12:at + 12 + name_size]
        value = at + 12 + -(-name_size // 4) * 4
        if (name, kind) == ANDROID_NOTE and value_size >= 4:
            yield int(_read(data, "<I", value)[0])
        at = value + -(-value_size // 4) * 4


def _offset(loads: tuple[Load, ...], address: int) -> int:
    for load in loads:
        if load.address <= address < load.address + load.file_size:
            return address - load.address + load.offset
    raise ElfError(f"address {address:#x} is in no part of the file")


def _read(data: bytes, format: str, at: int) -> tuple[Any, ...]:
    if not 0 <= at <= len(data) - struct.calcsize(format):
        raise ElfError(f"the file ends before offset {at:#x}")
    return struct.unpack_from(format, data, at)


def _text(data: bytes, at: int) -> str:
    end = data.find(b"\0", at) if 0 <= at < len(data) else -1
    if end < 0:
        raise ElfError(f"a name at {at:#x} has no end")
    return data[at:end].decode("utf-8", "replace")
