"""The phone as a running machine: its namespaces, kept alive by its process 1. With or without adbd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.phone import cores, root
from tests.phone.namespaces import ENVIRONMENT, SHELL_UID

START_S = 20.0      # 0.11 s on two idle cores
STOP_S = 10.0


class Machine:
    """A phone that is switched on; `directory` is its own half (see `root.fill`).

    Args:
        listener: a bound TCP socket; adbd is started and reached through it. None: no adbd.
        room: bytes that fit into /data/local/tmp, which is then empty at each start. 0: as this machine's disk.
    """

    def __init__(self, directory: Path, listener: socket.socket | None = None, room: int = 0) -> None:
        self.directory = directory
        cores.new_boot(directory / "proc")
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_S)
        with theirs:
            passed = (theirs.fileno(), listener.fileno() if listener else -1)
            words = map(str, (root.base(), directory, *passed, room))
            self._outer = subprocess.Popen([sys.executable, "-ESs", "-m", "tests.phone.init", *words],
                                           cwd=root.HERE.parents[1], pass_fds=[n for n in passed if n >= 0],
                                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self._expect(b"ready\n")
        except BaseException:
            self.stop()
            raise
        self._process_1 = self._child()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    @property
    def process_1(self) -> int:
        """Process 1 of the phone, as this machine numbers it."""
        return self._process_1

    @property
    def directory_inside(self) -> Path:
        """The root directory as the phone sees it, for as long as it is on."""
        return Path(f"/proc/{self.process_1}/root")

    def inside(self, command: str) -> list[str]:
        """What runs `command` in the phone's shell, beside all that runs there already."""
        return [*self.entering(), "/system/bin/env", "-i", *(f"{name}={value}" for name, value in ENVIRONMENT.items()),
                "/system/bin/sh", "-c", command]

    def entering(self) -> list[str]:
        """What stands before a program to run it in here as the shell user, in this process's environment."""
        shell = SHELL_UID if os.geteuid() == 0 else 0
        nsenter = shutil.which("nsenter")
        assert nsenter, "util-linux is missing"
        return [nsenter, f"--target={self.process_1}", "--user", "--mount", "--pid", "--net", "--uts", "--ipc",
                "--root", "--wd", f"--setuid={shell}", f"--setgid={shell}"]

    def order(self, word: str) -> None:
        """Tell process 1 something, and wait until it is done."""
        self._control.sendall(f"{word}\n".encode())
        self._expect(b"done\n")

    def stop(self) -> None:
        """Switch off: everything that runs there is killed, and gone when this returns."""
        with suppress(OSError, ValueError):
            os.kill(self._child(), signal.SIGKILL)      # its namespace goes with it
        self._control.close()
        try:
            self._outer.wait(STOP_S)        # it has waited for process 1, which is the last of its namespace to go
        except subprocess.TimeoutExpired:
            self._outer.kill()              # it never came so far
            self._outer.wait()
        assert self._outer.stderr is not None
        self._outer.stderr.close()

    def _child(self) -> int:
        return int(Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text())

    def _expect(self, words: bytes) -> None:
        got = b""
        while len(got) < len(words):
            more = self._control.recv(len(words) - len(got))
            if not more:
                assert self._outer.stderr is not None
                raise AssertionError(f"the phone stopped: {self._outer.stderr.read().decode()[-2000:]}")
            got += more
        assert got == words
