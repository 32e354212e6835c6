"""Shell protocol 2 (Android 7 and newer): frames of a kind, a length and bytes; the exit status is a frame of its own.

Source: AOSP packages/modules/adb/shell_protocol.h.
"""

from __future__ import annotations

import struct

from ghostdeploy.device.adb.broken import Nonsense
from ghostdeploy.device.adb.command import Line
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.link import Completed
from ghostdeploy.device.adb.stream import Stream

FEATURE = "shell_v2"
STDIN, STDOUT, STDERR, EXIT = range(4)
HEADER = struct.Struct("<BI")
# adbd's frames are at most its buffer, 1 MiB less the header; far more means that these are no frames.
LONGEST_FRAME = 16 << 20


def service(line: Line) -> str:
    """The name under which adbd offers it. `raw`: no terminal, so nothing is translated or echoed."""
    return f"shell,v2,raw:{line.text}"


def converse(stream: Stream, line: Line, deadline: Deadline) -> Completed:
    """Feed stdin and collect what the command says until its exit status comes.

    Raises:
        Gone: the connection ended before the exit status.
        Nonsense: what came are no frames.
    """
    if line.stdin:
        stream.send(HEADER.pack(STDIN, len(line.stdin)) + line.stdin, deadline)
    said = {STDOUT: bytearray(), STDERR: bytearray()}
    while True:
        kind, length = HEADER.unpack(stream.exactly(HEADER.size, deadline))
        if kind > EXIT or length > LONGEST_FRAME or (kind == EXIT and length != 1):
            raise Nonsense(f"a shell frame of kind {kind} and {length} bytes")
        data = stream.exactly(length, deadline)
        if kind == EXIT:
            return Completed(data[0], bytes(said[STDOUT]), bytes(said[STDERR]))
        if kind in said:
            said[kind] += data
