"""Process 1 of a phone: starts adbd, carries its connections out of the namespace, buries the dead.

    python -ESs -m tests.phone.init BASE DIRECTORY CONTROL LISTENER ROOM

CONTROL is a socket to the test. It gets `ready` once everything is up, then takes `cut` and `plug`, each answered with
`done`; when it closes, the phone ends. LISTENER is a TCP socket bound outside: accepting on it works in here too, while
what is opened in here belongs to the phone's own network. That is the whole bridge. -1: no adbd, no bridge.
ROOM is in bytes, see `namespaces.enter`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

from tests.phone import namespaces
from tests.phone.bridge import ADBD_PORT, Bridge, connect

ADBD = "/usr/lib/android-sdk/platform-tools/adbd"
START_S = 10.0          # 0.2 s were measured


def start_adbd(log: int) -> None:
    """Start it as adb's shell user, and wait until it listens.

    Raises:
        ConnectionRefusedError: it does not.
    """
    if os.fork() == 0:
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.setsid()
        namespaces.become_shell()
        os.execve(ADBD, ["adbd"], {**namespaces.ENVIRONMENT, "ADBD_PORT": str(ADBD_PORT)})
    deadline = time.monotonic() + START_S
    while True:
        try:
            connect(("127.0.0.1", ADBD_PORT)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def bury(*_: object) -> None:
    """Whoever lost its parent is process 1's to wait for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def serve(log: int, control: socket.socket, listener: socket.socket | None) -> NoReturn:
    """Be process 1."""
    signal.signal(signal.SIGCHLD, bury)
    bridge = None
    if listener is not None:
        start_adbd(log)
        bridge = Bridge(listener, ("127.0.0.1", ADBD_PORT))
        bridge.plug()
    control.sendall(b"ready\n")
    with control.makefile() as orders:
        for order in orders:
            if bridge is not None:
                {"cut": bridge.cut, "plug": bridge.plug}[order.strip()]()
            control.sendall(b"done\n")
    os._exit(0)


def main(base: str, directory: str, control: str, listener: str, room: str) -> None:
    """Enter the phone and be its process 1."""
    log = os.open(Path(directory) / "adbd.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    outside = None if listener == "-1" else socket.socket(fileno=int(listener))
    first = partial(serve, log, socket.socket(fileno=int(control)), outside)
    sys.exit(0 if namespaces.enter(Path(base), Path(directory), first, int(room)) == 0 else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
