"""Where the functions of a library without symbols begin and end: its unwind table knows (.eh_frame_hdr, .eh_frame).

Assembly without unwind information lies in the gaps between. Reference: Linux Standard Base 5.0, 10.6.2.
"""

from __future__ import annotations

import bisect
import struct
from dataclasses import dataclass

from ghostdeploy.device.android.elf import Elf, ElfError

PT_GNU_EH_FRAME = 0x6474E550
LAST = 1 << 63       # where the gap behind the last function ends
FORM = (1, 0x1B, 0x03, 0x3B)        # version; pointer: pc-relative; count: 4 bytes; table: relative to the header


@dataclass(frozen=True)
class Functions:
    """Sorted [start, end) addresses as linked."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def around(self, address: int) -> tuple[int, int]:
        """The function that `address` lies in, or the gap between two."""
        i = bisect.bisect_right(self.starts, address) - 1
        if i >= 0 and address < self.ends[i]:
            return self.starts[i], self.ends[i]
        following = self.starts[i + 1] if i + 1 < len(self.starts) else LAST
        return (self.ends[i] if i >= 0 else 0), following


def functions(library: Elf) -> Functions:
    """Every function of `library` that has unwind information; none where it has no table of the usual form.

    Raises:
        ElfError: the table points outside the file.
    """
    header = _segment(library.data, PT_GNU_EH_FRAME)
    if header is None or tuple(library.at(header, 4)) != FORM:
        return Functions((), ())
    count, = struct.unpack("<I", library.at(header + 8, 4))
    table = struct.iter_unpack("<ii", library.at(header + 12, 8 * count))
    found = sorted((header + start, _size(library, header + entry)) for start, entry in table)
    return Functions(tuple(start for start, _ in found), tuple(start + size for start, size in found))


def _size(library: Elf, entry: int) -> int:
    """Bytes of the function of one entry: length, CIE, start and size of 4 bytes each."""
    return int(struct.unpack("<I", library.at(entry + 12, 4))[0])


def _segment(data: bytes, kind: int) -> int | None:
    """Address of the program header of this kind."""
    try:
        start, size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
        for i in range(count):
            if struct.unpack_from("<I", data, start + i * size)[0] == kind:
                return int(struct.unpack_from("<Q", data, start + i * size + 16)[0])
    except struct.error as error:
        raise ElfError("the program headers lie outside the file") from error
    return None
