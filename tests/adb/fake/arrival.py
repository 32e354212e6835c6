"""A file on its way to the phone, with what can go wrong on it."""

from __future__ import annotations

import errno
import os
import struct
from typing import IO

from tests.adb.fake.faults import Fault
from tests.adb.fake.stream import Ended, HostStream

HEAD = struct.Struct("<4sI")


class Arrival:
    """Reads DATA until DONE. After a FAIL it goes on reading, as adbd does; a partial file stays, as on old phones."""

    def __init__(self, stream: HostStream, fault: Fault | None) -> None:
        self._stream, self._fault = stream, fault
        self._passed = 0
        self.failed = False

    def fail(self, text: str) -> None:
        """Tell the host at once; it may be in the middle of sending."""
        self.failed = True
        fail(self._stream, text)

    def write_to(self, file: IO[bytes] | None) -> int:
        """Returns what DONE carries: the modification time."""
        try:
            while True:
                kind, length = HEAD.unpack(self._stream.read(HEAD.size))
                if kind == b"DONE":
                    if self._fault and not self.failed:
                        self._go_wrong(self._fault)
                    return length
                data = self._stream.read(length)
                if file is not None and not self.failed:
                    self._store(file, data)
        finally:
            if file is not None:
                file.close()

    def _store(self, file: IO[bytes], data: bytes) -> None:
        fault = self._fault
        try:
            if fault is None or self._passed + len(data) < fault.after:
                file.write(data)
                self._passed += len(data)
                return
            good = fault.after - self._passed
            file.write(data[:good])
            file.flush()
            if fault.what == "flip":
                self._passed += len(data)
                if good < len(data):
                    file.write(bytes([data[good] ^ 1]) + data[good + 1:])
                    self._fault = None
            else:
                self._go_wrong(fault)
        except OSError as error:
            self.fail(f"write failed: {words(error)}")

    def _go_wrong(self, fault: Fault) -> None:
        if fault.what in ("fail", "deaf"):
            self.fail(fault.text)
            if fault.what == "deaf":
                self._stream.hang()
        go_wrong(self._stream, fault)


def go_wrong(stream: HostStream, fault: Fault | None) -> None:
    """The faults that every request of the sync service can have."""
    match fault and fault.what:
        case "cut":
            stream.cut()
        case "hang":
            stream.hang()
        case "close":
            raise Ended
        case "garbage":
            stream.write(b"\xa5GARBAGE" * 9)
            stream.hang()


def fail(stream: HostStream, text: str) -> None:
    """FAIL with words."""
    raw = text.encode()
    stream.write(HEAD.pack(b"FAIL", len(raw)) + raw)


def words(error: OSError) -> str:
    """As adbd words it: strerror."""
    return os.strerror(error.errno or errno.EIO)
