"""One phone over ADB: what every transport can do; everything else is built on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

QUICK_S = 15.0      # for a command that only looks: `dumpsys` of a busy phone takes up to 5 s


@dataclass(frozen=True)
class Completed:
    """A command that ended on the phone. Without shell v2, `out` holds both streams and `err` is empty."""

    status: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What it said on stdout, decoded; bytes that are no UTF-8 are kept visible."""
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def said(self) -> str:
        """All it said, for an error message."""
        return (self.out + self.err).decode("utf-8", "backslashreplace").strip()


@dataclass(frozen=True)
class Stat:
    """A file on the phone. `mode` is st_mode."""

    mode: int
    size: int


class Link(Protocol):
    """A phone, as one transport reaches it. Not shared between threads.

    Every call has a deadline of its own in seconds and ends by it, whatever the phone does. `words` are arguments: each
    is quoted once, so nothing in them is ever read by the phone's shell; a fixed script takes its parameters as
    `("sh", "-c", SCRIPT, "sh", *parameters)`.

    Raises (all of them):
        DeviceLost: the connection broke, or the phone is no longer there; `reconnect` may bring it back.
        DeviceHung: nothing came by the deadline.
        DeviceUnauthorized, DeviceOffline, DeviceNoPermission, DeviceNotFound: see `ghostdeploy.phone_errors`.
    """

    @property
    def serial(self) -> str:
        """The name under which the user can reach this phone with `--device`."""

    @property
    def features(self) -> frozenset[str]:
        """What its adbd advertises, such as `shell_v2`."""

    @property
    def transport(self) -> str:
        """Which way it is reached, in words for a report: `adb server 127.0.0.1:5037`, `TCP`, `USB`."""

    @property
    def over_network(self) -> bool:
        """Whether airplane mode or Wi-Fi off would cut this connection."""

    def run(self, words: Sequence[str], *, deadline_s: float = QUICK_S) -> Completed:
        """Run a command and wait for its end. A status other than 0 does not raise."""

    def push(self, source: bytes | Path, path: str, *, mode: int = 0o644, deadline_s: float) -> None:
        """Write a file on the phone under exactly this name.

        Raises:
            PushFailed: the phone refused (disk full, no such directory, read-only), with its own words.
        """

    def pull(self, path: str, *, deadline_s: float, most: int = 256 << 20) -> bytes:
        """Read a file of the phone.

        Raises:
            PullFailed: no such file, not readable, or longer than `most` bytes.
        """

    def stat(self, path: str, *, deadline_s: float = QUICK_S) -> Stat | None:
        """What is at `path`; None if nothing is."""

    def reconnect(self, deadline_s: float) -> None:
        """Wait until the phone answers again, and go on with it."""

    def close(self) -> None:
        """Let go of the phone; it and any adb server stay as they are."""
