"""An adb server that only lists, for what needs USB hardware: states that no phone on TCP can have.

Its texts are adb's own: `transport_list` in AOSP's adb/transport.cpp, `UsbNoPermissionsLongHelpText` in adb/client/.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

NO_PERMISSIONS = ("no permissions (missing udev rules? user is in the plugdev group); "
                  "see [http://developer.android.com/tools/device.html]")


class ScriptedServer:
    """Answers host:version and host:devices-l; everything else gets FAIL, or nothing if it is `deaf`."""

    def __init__(self, listing: str = "", *, deaf: bool = False, garbage: bytes = b"") -> None:
        self._listing, self._deaf, self._garbage = listing, deaf, garbage
        self.asked: list[str] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in [self._listener, *self._sockets]:
            sock.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            with suppress(OSError, ValueError):
                self._answer(sock)

    def _answer(self, sock: socket.socket) -> None:
        request = sock.recv(int(sock.recv(4), 16)).decode()
        self.asked.append(request)
        if self._deaf:
            return
        with sock:
            if self._garbage:
                sock.sendall(self._garbage)
            elif request == "host:version":
                sock.sendall(b"OKAY0004001d")
            elif request == "host:devices-l":
                raw = self._listing.encode()
                sock.sendall(b"OKAY%04x" % len(raw) + raw)
            else:
                sock.sendall(b"FAIL0006closed")
