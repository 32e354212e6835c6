"""Carries connections from a listening socket to adbd, until the cable is cut. Runs in process 1 of the phone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

ADBD_PORT = 5601        # in the phone's own network; adb's tools scan 5555 to 5585
CHUNK = 1 << 18


class Bridge:
    """Carries connections of `listener`, which is bound and does not listen yet, to the address `inside`."""

    def __init__(self, listener: socket.socket, inside: tuple[str, int]) -> None:
        self._listener, self._inside = listener, inside
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()

    def plug(self) -> None:
        """Take connections."""
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End what is open, and refuse what comes; the port stays ours."""
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for end in self._ends:
                _end(end)

    def _accept(self) -> None:
        while True:
            try:
                outside, _ = self._listener.accept()
            except OSError:     # cut
                return
            threading.Thread(target=self._serve, args=(outside,), daemon=True).start()

    def _serve(self, outside: socket.socket) -> None:
        with outside, connect(self._inside) as inside:
            with self._lock:
                self._ends |= {outside, inside}
            for end in (outside, inside):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_carry, args=(inside, outside), daemon=True)
            back.start()
            _carry(outside, inside)
            back.join()
            with self._lock:
                self._ends -= {outside, inside}


def connect(address: tuple[str, int]) -> socket.socket:
    """A TCP connection. `socket.create_connection` would import an encoding, and the phone has no Python."""
    made = socket.socket()
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _carry(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            to.sendall(data)
    for end in (source, to):    # wakes the other direction
        _end(end)


def _end(socket_: socket.socket) -> None:
    with suppress(OSError):     # it has ended already
        socket_.shutdown(socket.SHUT_RDWR)
