"""A shell that stays open: a command through it takes 2 ms, where entering the phone for each takes 11."""

from __future__ import annotations

import re
import selectors
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from ghostdeploy.device.adb.link import Completed
from ghostdeploy.phone_errors import DeviceHung

MARK = "@the-end-of-a-command"
END = re.compile(rf"{MARK} (\d+)\n\Z".encode())


class OpenShell:
    """`start` is what runs a shell; it reads its commands from stdin."""

    def __init__(self, start: Sequence[str]) -> None:
        self._shell = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       bufsize=0)

    def run(self, line: str, deadline_s: float) -> Completed:
        """Run one line and wait for its end.

        Raises:
            DeviceHung: it did not end by the deadline.
        """
        shell = self._shell
        assert shell.stdin and shell.stdout and shell.stderr
        shell.stdin.write(f'({line}\n) </dev/null; s=$?; echo "{MARK} $s"; echo "{MARK} $s" >&2\n'.encode())
        said = {shell.stdout: b"", shell.stderr: b""}
        end = time.monotonic() + deadline_s
        with selectors.DefaultSelector() as waiting:
            for stream in said:
                waiting.register(stream, selectors.EVENT_READ)
            while waiting.get_map():
                for key, _ in waiting.select(max(0.0, end - time.monotonic())):
                    stream = key.fileobj
                    said[stream] += (piece := stream.read(65536))  # type: ignore[index,union-attr]
                    assert piece, "the phone's shell ended"
                    if END.search(said[stream]):  # type: ignore[index]
                        waiting.unregister(stream)
                if time.monotonic() > end:
                    raise DeviceHung(f"no answer within {deadline_s} s")
        status = END.search(said[shell.stdout])
        assert status
        return Completed(int(status[1]), *(END.sub(b"", text) for text in said.values()))

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._shell.kill()
        self._shell.wait()
        for stream in (self._shell.stdin, self._shell.stdout, self._shell.stderr):
            assert stream
            stream.close()
