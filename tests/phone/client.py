"""Debian's own adb client with an adb server of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 20.0
COMMAND_S = 120.0


class AdbClient:
    """`adb`, and a server on a port of its own. Keys and logs go to a scratch folder.

    The server ends with the `with` block, and with the thread that began it.

    Attributes: `server_port`; `environment`: what makes another program's adb use this server.
    """

    def __init__(self) -> None:
        found = shutil.which("adb")
        assert found, "the adb client is missing: apt-get install adb"
        self._adb = found
        self._folder = tempfile.TemporaryDirectory(prefix="ghostdeploy-adb-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.server_port: int = free.getsockname()[1]
        # TMPDIR: adb dies where another user's adb.UID.log lies. The last one: no search for emulators on this machine.
        self.environment = {**os.environ, "HOME": self._folder.name, "TMPDIR": self._folder.name,
                            "ANDROID_ADB_SERVER_PORT": str(self.server_port), "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553"}
        for name in ("ADB_SERVER_SOCKET", "ANDROID_SERIAL", "ADB_VENDOR_KEYS"):
            self.environment.pop(name, None)

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", self._adb, "nodaemon", "server"],
                                        env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.server_port)) == 0:
                    return self
            assert time.monotonic() < deadline and self._server.poll() is None, "the adb server does not start"
            time.sleep(0.005)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.send_signal(signal.SIGKILL)
        self._server.wait()
        self._folder.cleanup()

    def run(self, *words: str | Path, serial: str | None = None) -> subprocess.CompletedProcess[bytes]:
        """One adb command. A status other than 0 does not raise."""
        target = [] if serial is None else ["-s", serial]
        return subprocess.run([self._adb, *target, *words], env=self.environment, capture_output=True,
                              timeout=COMMAND_S, stdin=subprocess.DEVNULL)

    def connect(self, serial: str) -> None:
        """Connect to `HOST:PORT`, and wait until the phone answers."""
        deadline = time.monotonic() + START_S
        while self.run("shell", "true", serial=serial).returncode != 0:
            assert time.monotonic() < deadline, f"{serial} does not answer"
            self.run("disconnect", serial)
            self.run("connect", serial)
