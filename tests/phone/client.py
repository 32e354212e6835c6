"""Debian's own adb client with an adb server of its own, for tests that are about the phone and not about adb."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.adb.adb_server import AdbServer, end, free_port

START_S = 20.0
COMMAND_S = 120.0


class AdbClient:
    """`adb`, beside a server that ends with the `with` block. Keys and logs go to a scratch folder.

    Attributes: `environment`: what makes another program's adb use this server.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ghostdeploy-adb-")
        self._server = AdbServer(Path(self._folder.name), free_port())
        self.environment = {**os.environ, **self._server.environment}

    def __enter__(self) -> Self:
        self._process = self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        end(self._process)
        self._folder.cleanup()

    def run(self, *words: str | Path, serial: str | None = None) -> subprocess.CompletedProcess[bytes]:
        """One adb command. A status other than 0 does not raise."""
        target = [] if serial is None else ["-s", serial]
        return subprocess.run(["adb", *target, *words], env=self.environment, capture_output=True,
                              timeout=COMMAND_S, stdin=subprocess.DEVNULL)

    def connect(self, serial: str) -> None:
        """Connect to `HOST:PORT`, and wait until the phone answers."""
        deadline = time.monotonic() + START_S
        while self.run("shell", "true", serial=serial).returncode != 0:
            assert time.monotonic() < deadline, f"{serial} does not answer"
            self.run("disconnect", serial)
            self.run("connect", serial)
