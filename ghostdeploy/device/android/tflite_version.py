"""The version of a TensorFlow Lite library, read out of its code.

`TfLiteVersion()` returns the address of a constant; compilers write that as the same two or three instructions,
which are decoded here without running anything.
"""

from __future__ import annotations

import re
import struct

from ghostdeploy.device.android.elf import Elf, ElfError

LONGEST = 32
VERSION = re.compile(rb"\d+\.\d+\.\d+[0-9A-Za-z.+-]*")
BTI_C = 0xD503245F


def tflite_version(library: Elf) -> str | None:
    """Such as `2.14.0`; None where the function is missing or is not written as expected."""
    function = library.exports.get("TfLiteVersion")
    if not function:
        return None
    try:
        decode = _x86_64 if library.abi == "x86_64" else _arm64
        address = decode(library.at(function, 16), function)
        text = library.at(address, LONGEST).partition(b"\0")[0] if address is not None else b""
    except (ElfError, struct.error):
        return None
    return text.decode("ascii") if VERSION.fullmatch(text) else None


def _x86_64(code: bytes, at: int) -> int | None:
    """`lea rax, [rip + offset]; ret`, perhaps behind `endbr64` or a frame's `push rbp; mov rbp, rsp`."""
    for prefix in (b"", b"\xf3\x0f\x1e\xfa", b"\x55\x48\x89\xe5"):
        if code.startswith(prefix + b"\x48\x8d\x05"):
            start = len(prefix)
            return at + start + 7 + int(struct.unpack_from("<i", code, start + 3)[0])
    return None


def _arm64(code: bytes, at: int) -> int | None:
    """`adrp x0, page; add x0, x0, #offset`, or `adr x0, offset`; perhaps behind `bti c`."""
    words: list[int] = list(struct.unpack("<4I", code))
    if words[0] == BTI_C:
        words, at = words[1:], at + 4
    first, second = words[:2]
    if first & 0x1F:        # another register than x0
        return None
    offset = (first >> 5 & 0x7FFFF) << 2 | first >> 29 & 3
    offset -= (offset & 1 << 20) << 1
    if first & 0x9F000000 == 0x10000000:        # adr
        return at + offset
    if first & 0x9F000000 == 0x90000000 and second & 0xFF8003FF == 0x91000000:      # adrp; add x0, x0
        return (at & ~0xFFF) + (offset << 12) + ((second >> 10 & 0xFFF) << (12 if second >> 22 & 1 else 0))
    return None
