"""Packets of the ADB wire protocol. Source: AOSP packages/modules/adb/protocol.txt."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass

HEADER = struct.Struct("<6I")
MOST = 1 << 20          # MAX_PAYLOAD of today's adbd


@dataclass(frozen=True)
class Packet:
    """One message. `name` is its four letters; "" for a command that is none."""

    name: str
    arg0: int
    arg1: int
    data: bytes


class Wire:
    """Packets over a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._sending = sock, threading.Lock()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, name: str, arg0: int, arg1: int, data: bytes = b"") -> None:
        """The checksum is always right: protocol version 1 wants it, and adb-shell checks it in any version."""
        code = int.from_bytes(name.encode(), "little")
        header = HEADER.pack(code, arg0, arg1, len(data), sum(data) & 0xFFFFFFFF, code ^ 0xFFFFFFFF)
        with self._sending:
            self._sock.sendall(header + data)

    def garbage(self) -> None:
        """A header's length of what is no header."""
        with self._sending:
            self._sock.sendall(b"\xa5GARBAGE" * 3)

    def read(self) -> Packet:
        """The next packet.

        Raises:
            EOFError: the host hung up, or sent what is no packet.
        """
        code, arg0, arg1, length, _, magic = HEADER.unpack(self._exactly(HEADER.size))
        if magic != code ^ 0xFFFFFFFF or length > MOST:
            raise EOFError
        return Packet(code.to_bytes(4, "little").decode("ascii", "replace"), arg0, arg1, self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self._sock.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def cut(self) -> None:
        """End the connection from our side; a read that waits ends too."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self._sock.close()
