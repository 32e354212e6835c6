"""A private adb server: Debian's own adb, on a port of its own, with a home of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATH = os.environ["PATH"]       # tests take it away


def free_port() -> int:
    """A port on which nobody listens. Phones need one outside 5555 to 5585, where adb looks for emulators."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        if not 5037 <= port <= 5600:
            return port


@dataclass(frozen=True)
class AdbServer:
    """A server that was started, or is to be."""

    home: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """For adb itself, and for ghostdeploy: nothing of the machine's own adb. adb's log goes to TMPDIR."""
        return {"PATH": PATH, "HOME": str(self.home), "TMPDIR": str(self.home),
                "ADB_SERVER_SOCKET": f"tcp:localhost:{self.port}", "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553"}

    def adb(self, *arguments: str, timeout: float = 20) -> tuple[int, str]:
        """Run Debian's client: its status, and what it said."""
        done = subprocess.run(["adb", *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    def start(self) -> subprocess.Popen[bytes]:
        """In the foreground, as our child, which dies with us; returns when it listens."""
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "adb", "nodaemon", "server"],
                                   env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_until(listening=True)
        return process

    def wait_until(self, *, listening: bool) -> None:
        """Until it listens, or no longer does."""
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            with socket.socket() as sock:
                if (sock.connect_ex(("127.0.0.1", self.port)) == 0) == listening:
                    return
            time.sleep(0.02)
        raise AssertionError(f"adb server on {self.port}: still not {listening=}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server that a test started."""
    with suppress(ProcessLookupError):
        process.terminate()
    process.wait(20)
