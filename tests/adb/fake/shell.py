"""shell: and exec: of the phone: a real process of this machine."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from tests.adb.fake.faults import Fault
from tests.adb.fake.stream import Ended, HostStream

if TYPE_CHECKING:
    from tests.adb.fake.phone import FakePhone

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
FRAME = struct.Struct("<BI")
PIECE = 16 << 10


class Shell:
    """One command. `frames`: shell protocol 2; else both outputs come as one, and no status."""

    def __init__(self, phone: FakePhone, command: str, *, frames: bool, crlf: bool = False) -> None:
        self._phone, self._command, self._frames, self._crlf = phone, command, frames, crlf
        self._fault: Fault | None = None
        self._passed = 0
        self._writing = threading.Lock()

    def serve(self, stream: HostStream) -> None:
        """Run it; if the host goes, the process is hung up, as adbd does."""
        self._fault = self._phone.plan.due("shell", self._command)
        with subprocess.Popen(self._phone.run(self._command), cwd=self._phone.root, env=self._phone.environment,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE if self._frames else subprocess.STDOUT,
                              start_new_session=True) as process:
            threading.Thread(target=self._feed, args=(stream, process), daemon=True).start()
            pumps = [threading.Thread(target=self._forward, args=(stream, pipe, kind), daemon=True)
                     for pipe, kind in ((process.stdout, STDOUT), (process.stderr, STDERR)) if pipe]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()
            if stream.over.is_set():
                hang_up(process)
            status = process.wait()
        self._end(stream, status)

    def _end(self, stream: HostStream, status: int) -> None:
        with self._writing:
            self._go_wrong(stream)
        if self._frames:
            stream.write(FRAME.pack(EXIT, 1) + bytes([status if status >= 0 else 128 - status]))

    def _forward(self, stream: HostStream, pipe: IO[bytes], kind: int) -> None:
        with suppress(Ended, OSError):
            while data := os.read(pipe.fileno(), PIECE):
                if self._crlf:
                    data = data.replace(b"\n", b"\r\n")
                with self._writing:
                    self._pass(stream, data, kind)

    def _pass(self, stream: HostStream, data: bytes, kind: int) -> None:
        if self._fault is not None and self._passed + len(data) >= self._fault.after:
            data = data[:self._fault.after - self._passed]
            self._say(stream, data, kind)
            self._go_wrong(stream)
        self._say(stream, data, kind)

    def _say(self, stream: HostStream, data: bytes, kind: int) -> None:
        self._passed += len(data)
        if data:
            stream.write(FRAME.pack(kind, len(data)) + data if self._frames else data)

    def _go_wrong(self, stream: HostStream) -> None:
        match self._fault and self._fault.what:
            case "cut":
                stream.cut()
            case "hang":
                stream.hang()
            case "close":
                stream.ended()
                raise Ended
            case "garbage":
                stream.write(b"\xa5GARBAGE" * 3)
                stream.hang()

    def _feed(self, stream: HostStream, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with suppress(OSError, ValueError):
            try:
                while True:
                    if not self._frames:
                        process.stdin.write(stream.some())
                        process.stdin.flush()
                        continue
                    kind, length = FRAME.unpack(stream.read(FRAME.size))
                    data = stream.read(length)
                    if kind == STDIN:
                        process.stdin.write(data)
                        process.stdin.flush()
                    elif kind == CLOSE_STDIN:
                        process.stdin.close()
            except Ended:
                hang_up(process)


def hang_up(process: subprocess.Popen[bytes]) -> None:
    """SIGHUP to the command and what it started in the foreground; a `setsid` escapes it."""
    if process.returncode is None:      # else its number may be another's by now
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGHUP)
