"""Where an inference and its nodes begin and end: code that the counter watches for, as the bytes of its first block.

Taking the difference of a process with one more inference was tried first: it has the noise of two whole processes, now
and then 200 000 instructions (ExecuTorch, busy machine), where an inference marked off repeats within 100.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from ghostdeploy.device.android import elf
from ghostdeploy.device.android.store import RuntimeLibrary
from ghostdeploy.device.arm_instructions.encodings import class_of
from ghostdeploy.errors import RunnerFailed

BEGIN, END, NODE = range(3)             # the order in which the counter is given its marks
BEGIN_FUNCTION: Final = "backend_run"   # of the benchmark program: one inference
END_FUNCTION: Final = "backend_read"    # what it calls next after the last one, to keep the outputs
MOST_INSTRUCTIONS: Final = 16
SHT_SYMTAB: Final = 2

# The end of the loop over nodes in `xnn_invoke_runtime` of the pinned libraries, by sha256. Found as the block that
# runs once for each node (310 of GhostNetV3 1.0x as .tflite, 324 as .pte), behind calls of xnn_run_operator.
NEXT_NODE: Final[dict[str, int]] = {
    "36c7443b10e2eaf78c3b59f5de50c9aaee294ce02d2781f5b6a38323db9ecf3c": 0x20CDE0,       # TFLite 2.14.0
    "1de9b8f3ab0ba711aeddc76516554c80a82814e5c3a8f36a0dcfdfb6be069120": 0xD31F40}       # react-native-executorch 0.9.3


def of_inference(program: Path) -> tuple[bytes, bytes]:
    """Marks of the beginning and of the end of an inference in a hosted benchmark program.

    Raises:
        RunnerFailed: the program has no symbols, or its code is not what it is expected to be.
    """
    found = elf.parse(program.read_bytes())
    symbols = _symbols(found.data)
    try:
        return _mark(found, symbols[BEGIN_FUNCTION]), _mark(found, symbols[END_FUNCTION])
    except KeyError as error:
        raise RunnerFailed(f"{program.name} has no symbol {error}", "", "remove it from the cache") from error


def of_node(library: RuntimeLibrary) -> bytes:
    """Mark of the end of each node of XNNPACK's runtime.

    Raises:
        RunnerFailed: not known for this library.
    """
    if library.sha256 not in NEXT_NODE:
        raise RunnerFailed(f"the loop over nodes is not known in {library.soname} {library.version}", "",
                           "use `attribute`, which needs to know nothing of the library")
    return _mark(elf.parse(library.path.read_bytes()), NEXT_NODE[library.sha256])


def _mark(of: elf.Elf, address: int) -> bytes:
    """The code at `address` up to the first branch: what one translated block has at least."""
    code = of.at(address, 4 * MOST_INSTRUCTIONS)
    words = struct.unpack(f"<{MOST_INSTRUCTIONS}I", code)
    length = next((i for i, word in enumerate(words) if class_of(word) == "branch"), MOST_INSTRUCTIONS - 1) + 1
    if of.data.count(code[:4 * length]) != 1:
        raise RunnerFailed("the code that marks an inference occurs more than once", f"at {address:#x}",
                           "the counter knows the pinned libraries and the programs built from this package")
    return code[:4 * length]


def _symbols(data: bytes) -> dict[str, int]:
    """Names and addresses in the symbol table (.symtab), which strip removes."""
    table, size, count = *struct.unpack_from("<Q", data, 40), *struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * size) for i in range(count)]
    found = {}
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind == SHT_SYMTAB:
            names = sections[link][4]
            for at in range(offset, offset + length, entry):
                name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
                found[data[names + name:data.index(b"\0", names + name)].decode()] = value
    return found
