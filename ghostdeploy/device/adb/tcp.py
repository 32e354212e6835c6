"""adb-shell's TCP transport, with its faults mended (0.4.4)."""

from __future__ import annotations

import select
import socket

from adb_shell.transport.tcp_transport import TcpTransport  # type: ignore[import-untyped]

from ghostdeploy.device.adb.broken import Absent, Expired, Gone
from ghostdeploy.device.adb.deadline import Deadline


class MendedTcp(TcpTransport):  # type: ignore[misc]
    """Mended: Nagle's delays, sends that are cut short, and the connection's end, which stock reads as no bytes."""

    def connect(self, transport_timeout_s: float) -> None:
        """Stock leaves Nagle's algorithm on: pushes to an Android 6 phone went at 44 KiB/s instead of 13.6 MiB/s."""
        try:
            super().connect(transport_timeout_s)
        except TimeoutError as error:
            raise Expired from error
        except OSError as error:
            raise Absent(error.strerror or str(error)) from error
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def bulk_write(self, data: bytes, transport_timeout_s: float) -> int:
        """Send everything. Stock calls `send` once and drops what did not go: pushes then hang."""
        deadline, rest = Deadline.after(transport_timeout_s), memoryview(data)
        while rest:
            deadline.wait(self._open(), select.POLLOUT)
            try:
                rest = rest[self._open().send(rest):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone(error.strerror or str(error)) from error
        return len(data)

    def bulk_read(self, numbytes: int, transport_timeout_s: float) -> bytes:
        """Some bytes. At the connection's end stock returns none for ever, and its caller spins until a timeout."""
        deadline = Deadline.after(transport_timeout_s)
        while True:
            deadline.wait(self._open(), select.POLLIN)
            try:
                data: bytes = self._open().recv(numbytes)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone(error.strerror or str(error)) from error
            if not data:
                raise Gone("the phone closed it")
            return data

    def _open(self) -> socket.socket:
        if self._connection is None:
            raise Gone("it was closed before")
        sock: socket.socket = self._connection
        return sock
