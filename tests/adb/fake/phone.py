"""A phone on a TCP port of this machine."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.adb.fake.connection import Connection
from tests.adb.fake.faults import Fault, Plan
from tests.adb.fake.trust import public_key

MODERN = ("shell_v2", "cmd", "stat_v2", "fixed_push_mkdir", "apex")
ANDROID_6 = ("cmd",)
MARK = "FAKE_PHONE"         # in the environment of every process of the phone

Run = Callable[[str], list[str]]


def plain(command: str) -> list[str]:
    """This machine's own shell, in the phone's root directory; paths in commands have to be relative."""
    return ["sh", "-c", command]


class FakePhone:
    """adbd's side of the protocol: RSA authentication, shell 1 and 2, exec, sync 1 with the second version's stats.

    Commands really run: `run` makes an argv of the command line, and the process starts in `root`. Paths of file
    transfers are below `root`.

        with FakePhone(root=tmp_path, faults=[Fault("push", "cut", after=100_000)]) as phone:
            ... f"127.0.0.1:{phone.port}" ...

    Args:
        root: the phone's root directory; data/local/tmp is made in it.
        run: from a command line, as the phone's shell would read it, to an argv of this machine.
        features: what its banner advertises; `ANDROID_6` for a phone without shell protocol 2.
        max_data: longest packet that it takes; 4096 up to Android 5.
        faults: see `Fault`; more can be added with `inject`.
        keys: public keys that it trusts. None: it asks nobody for a key, as emulators do.
        accepts: whether its owner accepts the key of whoever asks.
        crlf: its `shell:` runs on a terminal and turns \\n into \\r\\n (Android 6).
        exec_service: whether it has `exec:` (Android 5 and newer).
        buffer: bytes of its receive buffer; a small one makes the host's sends short. None: the system's.
        model: of the banner.
    """

    def __init__(self, root: Path, *, run: Run = plain, features: Sequence[str] = MODERN, max_data: int = 1 << 20,
                 faults: Sequence[Fault] = (), keys: Sequence[str] | None = None, accepts: bool = False,
                 crlf: bool = False, exec_service: bool = True, buffer: int | None = None, model: str = "Fake") -> None:
        self.root, self.run, self.features, self.max_data = root, run, tuple(features), max_data
        self.plan = Plan(faults)
        self.trusted = None if keys is None else [public_key(key) for key in keys]
        self.accepts, self.crlf, self.exec_service = accepts, crlf, exec_service
        self.model, self._buffer = model, buffer
        self.opened: list[str] = []         # every service that was asked for
        self.asked: list[str] = []          # public keys whose owners were asked for
        self._mark = secrets.token_hex(8)
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0
        (root / "data/local/tmp").mkdir(parents=True, exist_ok=True)
        self.plug_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where it listens, as users name it."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of its processes."""
        return {"PATH": "/usr/bin:/bin", "HOME": "/", "ANDROID_DATA": "/data", MARK: self._mark}

    def local(self, path: str) -> Path:
        """Where the phone's `path` lies on this machine; never outside the root."""
        return self.root / os.path.normpath(f"/{path}").lstrip("/")

    def inject(self, fault: Fault) -> None:
        """Add a fault; its occurrences count from now."""
        self.plan.add(fault)

    def heal(self) -> None:
        """Forget all faults. What hangs goes on hanging; `drop` ends it."""
        self.plan.clear()

    def drop(self) -> None:
        """Break every connection; the phone can be reached again at once."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.wire.cut()

    def unplug(self) -> None:
        """Break every connection and take no more."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)       # wakes `accept`, which `close` alone does not
            self._listener.close()
            self._listener = None
        self.drop()

    def plug_in(self) -> None:
        """Take connections again, on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)      # accepted sockets inherit it
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def kill_all(self) -> None:
        """End every process of the phone, detached ones too, as a restart does. Their environment has our mark."""
        mark = f"{MARK}={self._mark}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)

    def reboot(self) -> None:
        """Restart: connections break, processes end, the phone is back at once. Its boot_id is the root's business."""
        self.unplug()
        self.kill_all()
        self.plug_in()

    def stop(self) -> None:
        """Take the phone away for good."""
        self.unplug()
        self.kill_all()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            connection = Connection(self, sock)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.discard(connection)
