"""sync: of the phone: files below its root directory."""

from __future__ import annotations

import errno
import os
import struct
from typing import IO, TYPE_CHECKING

from tests.adb.fake.arrival import HEAD, Arrival, fail, go_wrong, words
from tests.adb.fake.stream import HostStream

if TYPE_CHECKING:
    from tests.adb.fake.phone import FakePhone

STAT1 = struct.Struct("<4sIII")
STAT2 = struct.Struct("<4sIQQIIIIQqqq")
ENTRY = struct.Struct("<4sIIII")
RECORD = 64 << 10       # SYNC_DATA_MAX
SHELL_USER = 2000


class Sync:
    """Serves requests until QUIT or the end of the stream."""

    def __init__(self, phone: FakePhone) -> None:
        self._phone = phone

    def serve(self, stream: HostStream) -> None:
        """One request after the other."""
        handlers = {b"STAT": self._stat, b"STA2": self._stat2, b"LST2": self._stat2, b"LIST": self._list,
                    b"RECV": self._receive, b"SEND": self._send}
        while True:
            kind, length = HEAD.unpack(stream.read(HEAD.size))
            if kind == b"QUIT":
                return
            name = stream.read(length).decode()
            if kind not in handlers or (kind.endswith(b"2") and "stat_v2" not in self._phone.features):
                fail(stream, f"unknown command {kind.hex()}")
                return
            handlers[kind](stream, kind, name)

    def _stat(self, stream: HostStream, kind: bytes, path: str) -> None:
        go_wrong(stream, self._phone.plan.due("stat", path))
        try:
            found = self._phone.local(path).lstat()
            values = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime))
        except OSError:
            values = (0, 0, 0)
        stream.write(STAT1.pack(b"STAT", *values))

    def _stat2(self, stream: HostStream, kind: bytes, path: str) -> None:
        go_wrong(stream, self._phone.plan.due("stat", path))
        try:
            found = self._phone.local(path).stat(follow_symlinks=kind == b"STA2")
            values = (0, found.st_dev, found.st_ino, found.st_mode, found.st_nlink, SHELL_USER, SHELL_USER,
                      found.st_size, int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
        except OSError as error:
            values = (error.errno or errno.EIO, *[0] * 10)
        stream.write(STAT2.pack(kind, *values))

    def _list(self, stream: HostStream, kind: bytes, path: str) -> None:
        folder = self._phone.local(path)
        for child in sorted(folder.iterdir()) if folder.is_dir() else ():
            found, name = child.lstat(), child.name.encode()
            stream.write(ENTRY.pack(b"DENT", found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime), len(name))
                         + name)
        stream.write(ENTRY.pack(b"DONE", 0, 0, 0, 0))

    def _receive(self, stream: HostStream, kind: bytes, path: str) -> None:
        fault, passed = self._phone.plan.due("pull", path), 0
        try:
            with self._phone.local(path).open("rb") as file:
                while data := file.read(RECORD):
                    if fault and passed + len(data) >= fault.after:
                        data = data[:fault.after - passed]
                        stream.write(HEAD.pack(b"DATA", len(data)) + data)
                        break
                    passed += len(data)
                    stream.write(HEAD.pack(b"DATA", len(data)) + data)
        except OSError as error:
            fail(stream, f"open failed: {words(error)}")
            return
        if fault and fault.what == "fail":
            fail(stream, fault.text)
            return
        go_wrong(stream, fault)
        stream.write(HEAD.pack(b"DONE", 0))

    def _send(self, stream: HostStream, kind: bytes, target: str) -> None:
        path, _, mode = target.rpartition(",")
        arrival = Arrival(stream, self._phone.plan.due("push", path))
        local = self._phone.local(path)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            file: IO[bytes] | None = local.open("wb")
        except OSError as error:
            file = None
            arrival.fail(f"couldn't create file: {words(error)}")
        stamp = arrival.write_to(file)
        if arrival.failed:
            return
        bits = int(mode) & 0o777            # as adbd: the owner's go to the group, and the group's to all others
        bits |= (bits >> 3) & 0o070
        bits |= (bits >> 3) & 0o007
        local.chmod(bits)
        owner = local.parent.stat()
        os.chown(local, owner.st_uid, owner.st_gid)     # as adbd, which is the shell user
        os.utime(local, (stamp, stamp))
        stream.write(HEAD.pack(b"OKAY", 0))
