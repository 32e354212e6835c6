"""The adb server's own protocol: four hex digits of length, a request, then OKAY or FAIL.

Source: AOSP packages/modules/adb/OVERVIEW.TXT and SERVICES.TXT. Small enough to own; the server does the rest (USB,
keys, pairing), and usually holds the phone's USB device, because Android Studio started it.
"""

from __future__ import annotations

import select
import socket
from contextlib import suppress

from ghostdeploy.device.adb.broken import Absent, Expired, Gone, Nonsense, Refused
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.server_address import Address
from ghostdeploy.device.adb.stream import Stream

PIECE = 64 << 10        # of one read


class ServerStream(Stream):
    """A connection to the adb server; after the request it is the service itself."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock
        sock.setblocking(False)

    def send(self, data: bytes, deadline: Deadline) -> bool:
        """See `Stream.send`."""
        rest = memoryview(data)
        while rest:
            if deadline.wait(self._sock, select.POLLIN | select.POLLOUT) & select.POLLIN:
                return False
            try:
                rest = rest[self._sock.send(rest):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone(error.strerror or str(error)) from error
        return True

    def receive(self, deadline: Deadline) -> bytes:
        """See `Stream.receive`."""
        while True:
            deadline.wait(self._sock, select.POLLIN)
            try:
                return self._sock.recv(PIECE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone(error.strerror or str(error)) from error

    def close(self) -> None:
        """See `Stream.close`."""
        with suppress(OSError):
            self._sock.close()

    def request(self, text: str, deadline: Deadline) -> None:
        """Ask for something.

        Raises:
            Refused: the server answered FAIL; with its words.
        """
        raw = text.encode()
        if not self.send(b"%04x" % len(raw) + raw, deadline):
            self._unread += self.receive(deadline)
        answer = self.exactly(4, deadline)
        if answer == b"FAIL":
            raise Refused(self.answer(deadline))
        if answer != b"OKAY":
            raise Nonsense(f"{answer!r} from the adb server")

    def answer(self, deadline: Deadline) -> str:
        """A text behind its own length."""
        length = self.exactly(4, deadline)
        try:
            count = int(length, 16)
        except ValueError:
            raise Nonsense(f"{length!r} for a length, from the adb server") from None
        return self.exactly(count, deadline).decode("utf-8", "backslashreplace")


def connect(where: Address, deadline: Deadline) -> ServerStream:
    """A fresh connection to the server.

    Raises:
        Absent: nobody listens there.
    """
    try:
        if where.path:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(deadline.left())
            sock.connect(where.path)
        else:
            sock = socket.create_connection((where.host, where.port), timeout=deadline.left())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TimeoutError as error:
        raise Expired from error
    except OSError as error:
        raise Absent(f"no adb server at {where}: {error.strerror or error}") from error
    return ServerStream(sock)


def query(where: Address, request: str, deadline: Deadline) -> str:
    """Ask the server for a text.

    Raises:
        Refused: it answered FAIL. Gone, Expired, Nonsense: see `broken`.
    """
    stream = connect(where, deadline)
    try:
        stream.request(request, deadline)
        return stream.answer(deadline)
    finally:
        stream.close()


def dial(where: Address, host_port: str, deadline: Deadline, *, again: bool) -> str:
    """Let the server connect to a phone on the network; what it says, which may be that it failed: FAIL is rare here.

    `again`: it has this phone in its list, without an answer. It tries such a one only every 10 s, and `connect` alone
    does nothing while it is listed.
    """
    if again:
        with suppress(Refused):
            query(where, f"host:disconnect:{host_port}", deadline)
    try:
        return query(where, f"host:connect:{host_port}", deadline)
    except Refused as refusal:
        return str(refusal)


def service(where: Address, target: str, name: str, deadline: Deadline) -> ServerStream:
    """Open service `name` of the phone `target` (a serial, or usb:PATH)."""
    stream = connect(where, deadline)
    try:
        stream.request(f"host:transport:{target}", deadline)
        stream.request(name, deadline)
    except BaseException:
        stream.close()
        raise
    return stream
