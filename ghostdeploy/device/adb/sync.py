"""File transfer: adb's sync protocol, version 1, with the wide STA2 where the phone has it.

A request is four letters, a length (little endian) and a path. Source: AOSP packages/modules/adb/SYNC.TXT and
file_sync_protocol.h.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator

from ghostdeploy.device.adb.broken import Gone, Nonsense, Said
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.link import Stat
from ghostdeploy.device.adb.stream import Stream

SERVICE = "sync:"
STAT2_FEATURE = "stat_v2"
HEAD = struct.Struct("<4sI")
STAT1 = struct.Struct("<4sIII")
STAT2 = struct.Struct("<4sIQQIIIIQqqq")
RECORD = 64 << 10       # adbd closes the connection on a longer DATA (SYNC_DATA_MAX)
BATCH = 4 * RECORD      # sent at once: one wait for an OKAY instead of four where we speak to the phone ourselves
LONGEST_PATH = 1024     # adbd refuses longer ones (handle_sync_command) and hangs up
REGULAR_FILE = 0o100000


class TooLong(Exception):
    """A file is longer than was asked for."""


def push(stream: Stream, chunks: Iterable[bytes], path: str, mode: int, deadline: Deadline) -> None:
    """Write a file; returns when the phone says that it has it.

    Raises:
        Said: the phone refused, at the start or anywhere in the middle.
        Broken: the connection broke, or the deadline passed.
    """
    try:
        for part in _batches(chunks, path, mode):
            if not stream.send(part, deadline):
                _answer(stream, deadline)
                raise Nonsense("the phone said OKAY to a file before it had it")
        # The wall clock: it becomes the file's modification time.
        stream.send(HEAD.pack(b"DONE", int(time.time())), deadline)
    except Gone:
        # A phone that hangs up after its FAIL: the FAIL was sent before that, and says more than "gone".
        _answer(stream, deadline)
        raise
    _answer(stream, deadline)


def _batches(chunks: Iterable[bytes], path: str, mode: int) -> Iterator[bytes]:
    target = f"{path},{REGULAR_FILE | mode}".encode()
    batch = bytearray(_request(b"SEND", target))
    for chunk in chunks:
        for start in range(0, len(chunk), RECORD):
            record = chunk[start:start + RECORD]
            batch += HEAD.pack(b"DATA", len(record)) + record
            if len(batch) >= BATCH:
                yield bytes(batch)
                batch.clear()
    yield bytes(batch)


def pull(stream: Stream, path: str, most: int, deadline: Deadline) -> bytes:
    """Read a file.

    Raises:
        Said: the phone refused.
        TooLong: it has more than `most` bytes.
        Broken: the connection broke, or the deadline passed.
    """
    stream.send(_request(b"RECV", path.encode()), deadline)
    data = bytearray()
    while True:
        kind, length = HEAD.unpack(stream.exactly(HEAD.size, deadline))
        if kind == b"DONE":
            return bytes(data)
        if kind == b"FAIL":
            raise Said(_words(stream, length, deadline))
        if kind != b"DATA" or length > RECORD:
            raise Nonsense(f"{kind!r} of {length} bytes inside a file")
        data += stream.exactly(length, deadline)
        if len(data) > most:
            raise TooLong


def stat(stream: Stream, path: str, deadline: Deadline, *, wide: bool) -> Stat | None:
    """What is at `path`; None if nothing is that we may see: version 1 says nothing about the cause.

    With `wide` (feature stat_v2) links are followed and sizes are whole; without it links are not followed, and sizes
    are modulo 4 GiB.
    """
    name = path.encode()
    if wide:
        stream.send(_request(b"STA2", name), deadline)
        kind, error, _, _, mode, _, _, _, size, *_ = STAT2.unpack(stream.exactly(STAT2.size, deadline))
        there = error == 0
    else:
        stream.send(_request(b"STAT", name), deadline)
        kind, mode, size, _ = STAT1.unpack(stream.exactly(STAT1.size, deadline))
        there = mode != 0
    if kind not in (b"STAT", b"STA2"):
        raise Nonsense(f"{kind!r} in answer to STAT")
    return Stat(mode, size) if there else None


def _request(kind: bytes, path: bytes) -> bytes:
    if len(path) > LONGEST_PATH:
        raise Said(f"the path has {len(path)} bytes; adb transfers take {LONGEST_PATH}")
    return HEAD.pack(kind, len(path)) + path


def _answer(stream: Stream, deadline: Deadline) -> None:
    """Read the phone's verdict on a file."""
    kind, length = HEAD.unpack(stream.exactly(HEAD.size, deadline))
    if kind == b"FAIL":
        raise Said(_words(stream, length, deadline))
    if kind != b"OKAY":
        raise Nonsense(f"{kind!r} in answer to a file")


def _words(stream: Stream, length: int, deadline: Deadline) -> str:
    if length > RECORD:
        raise Nonsense(f"a FAIL of {length} bytes")
    return stream.exactly(length, deadline).decode("utf-8", "backslashreplace")
