"""One opened service, from the phone's side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.adb.fake.connection import Connection

Service = Callable[["HostStream"], None]


class Ended(Exception):
    """The host closed the service, or its connection is gone."""


class HostStream:
    """Bytes from and to the host. They are acknowledged when the service takes them: one that hangs blocks the host."""

    def __init__(self, connection: Connection, ours: int, theirs: int) -> None:
        self.connection, self.ours, self.theirs = connection, ours, theirs
        self.over = threading.Event()
        self._incoming: queue.Queue[bytes | None] = queue.Queue()
        self._room = threading.Semaphore(0)
        self._sending = threading.Lock()
        self._unread = bytearray()
        self._said_close = False

    # Called by the connection's thread.

    def arrived(self, data: bytes) -> None:
        """A WRTE."""
        self._incoming.put(data)

    def acknowledged(self) -> None:
        """An OKAY."""
        self._room.release()

    def ended(self) -> None:
        """A CLSE, or the end of the connection."""
        self.over.set()
        self._incoming.put(None)
        self._room.release()

    def serve(self, service: Service) -> None:
        """Run a service on this stream and close it at its end."""
        with suppress(Ended, OSError):
            service(self)
        with suppress(OSError):
            self.say_close()

    # Called by the service's threads.

    def write(self, data: bytes) -> None:
        """Send; each packet waits for the host's OKAY, which is all of ADB's flow control."""
        size = self.connection.max_data
        with self._sending:
            for start in range(0, len(data), size):
                if self.over.is_set():
                    raise Ended
                self.connection.wire.send("WRTE", self.ours, self.theirs, data[start:start + size])
                self._room.acquire()
        if self.over.is_set():
            raise Ended

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._unread) < count:
            self._unread += self._take()
        data = bytes(self._unread[:count])
        del self._unread[:count]
        return data

    def some(self) -> bytes:
        """Whatever comes next."""
        if not self._unread:
            self._unread += self._take()
        data = bytes(self._unread)
        self._unread.clear()
        return data

    def _take(self) -> bytes:
        data = self._incoming.get()
        if data is None:
            self._incoming.put(None)
            raise Ended
        self.connection.wire.send("OKAY", self.ours, self.theirs)
        return data

    def hang(self) -> None:
        """Do nothing until the host gives up."""
        self.over.wait()
        raise Ended

    def cut(self) -> None:
        """Break the whole connection."""
        self.connection.wire.cut()
        raise Ended

    def say_close(self) -> None:
        """CLSE, once."""
        if not self._said_close:
            self._said_close = True
            self.connection.wire.send("CLSE", self.ours, self.theirs)
