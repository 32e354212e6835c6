"""Where the adb server listens."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ghostdeploy.phone_errors import AdbProblem

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 5037


@dataclass(frozen=True)
class Address:
    """Where the adb server listens: a TCP port, or a socket in the file system (`path`)."""

    host: str
    port: int
    path: str = ""

    @property
    def local(self) -> bool:
        """Whether a server could be started there by this machine."""
        return bool(self.path) or self.host in ("127.0.0.1", "localhost", "::1")

    @property
    def spec(self) -> str:
        """For a server to be started here. adb 29 takes `localhost` only: it calls 127.0.0.1 a remote host."""
        return f"localfilesystem:{self.path}" if self.path else f"tcp:localhost:{self.port}"

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


def address() -> Address:
    """From the environment, in adb's own order: ADB_SERVER_SOCKET, ANDROID_ADB_SERVER_ADDRESS and _PORT, the default.

    Raises:
        AdbProblem: a variable holds what we cannot read.
    """
    spec = os.environ.get("ADB_SERVER_SOCKET", "")
    if spec:
        return _from_spec(spec)
    host = os.environ.get("ANDROID_ADB_SERVER_ADDRESS", "") or DEFAULT_HOST
    port = os.environ.get("ANDROID_ADB_SERVER_PORT", "") or str(DEFAULT_PORT)
    return Address(host, _port(port, "ANDROID_ADB_SERVER_PORT", port))


def _from_spec(spec: str) -> Address:
    kind, _, rest = spec.partition(":")
    if kind == "localfilesystem" and rest:
        return Address("", 0, rest)
    if kind != "tcp" or not rest:
        raise AdbProblem(f"ADB_SERVER_SOCKET is {spec}",
                         "only tcp:PORT, tcp:HOST:PORT and localfilesystem:PATH are known",
                         "unset ADB_SERVER_SOCKET, or give one of these")
    host, _, port = rest.rpartition(":")
    return Address(host.strip("[]") or DEFAULT_HOST, _port(port, "ADB_SERVER_SOCKET", spec))


def _port(text: str, variable: str, value: str) -> int:
    if text.isascii() and text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise AdbProblem(f"{variable} is {value}", "that is no port number", f"unset {variable}, or give a port")
