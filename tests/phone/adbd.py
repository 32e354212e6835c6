"""A phone with the real adbd, reached over TCP.

    with RealPhone() as phone:
        ...                         # adb connect 127.0.0.1:phone.port
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.phone import root
from tests.phone.machine import Machine

PORTS = range(20000, 30000)     # below Linux's own choice of ports, and away from 5555-5585, which adb's tools scan


class RealPhone:
    """A phone that is on while inside `with`. `room` bytes fit into its /data/local/tmp; 0: as this machine's disk.

    Attributes: `port` on 127.0.0.1; `root`: the phone's changeable half (`data`, `sys`, `proc`) as a directory here.
    """

    def __init__(self, room: int = 0) -> None:
        self._room = room
        self._stack = ExitStack()
        self.root = self._stack.enter_context(root.fresh())
        self._listener = self._stack.enter_context(_bound())
        self.port: int = self._listener.getsockname()[1]
        self._machine: Machine | None = None

    def __enter__(self) -> Self:
        try:
            self._machine = Machine(self.root, self._listener, self._room)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.machine.stop()
        self._stack.close()

    @property
    def machine(self) -> Machine:
        """What runs."""
        assert self._machine is not None, "the phone is off: use `with`"
        return self._machine

    @property
    def serial(self) -> str:
        """As `--device` takes it."""
        return f"127.0.0.1:{self.port}"

    def state(self, name: str) -> Path:
        """A file of the phone's state; README.md lists them."""
        return self.root / root.STATE / name

    def at(self, path: str) -> Path:
        """Any path of the phone as a path here, until it is switched off."""
        return self.machine.directory_inside / path.lstrip("/")

    def cut(self) -> None:
        """Pull the cable: what is connected breaks, and the port refuses connections. Processes go on."""
        self.machine.order("cut")

    def plug(self) -> None:
        """Put the cable back."""
        self.machine.order("plug")

    def reboot(self) -> None:
        """Switch off and on: everything is killed, the boot_id is another one, files stay."""
        self.machine.stop()
        self._listener.shutdown(socket.SHUT_RDWR)       # refuses connections until the next adbd listens
        self._machine = Machine(self.root, self._listener, self._room)


def _bound() -> socket.socket:
    """A socket bound by number: only such a port stays taken while nobody listens."""
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", random.choice(PORTS)))
        except OSError:
            listener.close()
        else:
            return listener
