"""One moment by which a whole call ends, however many waits it is made of."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass

from ghostdeploy.device.adb.broken import Expired


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock, and the seconds that were given at the start (for messages)."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment in so many seconds."""
        return cls(time.monotonic() + seconds, seconds)

    def left(self) -> float:
        """Seconds that remain, always more than 0.

        Raises:
            Expired: none.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise Expired
        return left

    def sooner(self, seconds: float) -> Deadline:
        """This deadline, or the one in so many seconds if that is earlier."""
        other = Deadline.after(seconds)
        return other if other.at < self.at else self

    def wait(self, sock: socket.socket, events: int) -> int:
        """Wait until the socket is ready for one of `events` (select.POLLIN, POLLOUT); returns what it is ready for.

        Raises:
            Expired: it did not get ready in time.
        """
        poll = select.poll()
        poll.register(sock, events)
        ready = poll.poll(self.left() * 1000)
        if not ready:
            raise Expired
        return ready[0][1]
