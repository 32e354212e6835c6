"""A service opened on the phone: bytes in both directions. Shell and file transfer are written on this alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ghostdeploy.device.adb.broken import Gone
from ghostdeploy.device.adb.deadline import Deadline


class Stream(ABC):
    """What both transports give for an opened service. All methods raise `Broken`s."""

    def __init__(self) -> None:
        self._unread = bytearray()

    @abstractmethod
    def send(self, data: bytes, deadline: Deadline) -> bool:
        """Send all of `data`; False if the phone spoke or hung up before all was taken, which ends the sending.

        A phone whose disk is full says so in the middle of a push, and some then stop reading: waiting for them to take
        the rest would wait for ever.
        """

    @abstractmethod
    def receive(self, deadline: Deadline) -> bytes:
        """Some bytes, as they come; b"" when the phone has closed the service."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the service; what still runs in it is hung up by the phone."""

    def exactly(self, count: int, deadline: Deadline) -> bytes:
        """The next `count` bytes.

        Raises:
            Gone: the service ended before.
        """
        while len(self._unread) < count:
            some = self.receive(deadline)
            if not some:
                raise Gone(f"the service ended {count - len(self._unread)} bytes early")
            self._unread += some
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    def rest(self, deadline: Deadline) -> bytes:
        """Everything until the phone closes the service."""
        while some := self.receive(deadline):
            self._unread += some
        taken = bytes(self._unread)
        self._unread.clear()
        return taken
