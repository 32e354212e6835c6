"""A link that breaks at its k-th command, as cables do: before the phone got it, or after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ghostdeploy.device.adb.link import QUICK_S, Completed, Stat
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import DeviceHung, DeviceLost
from tests.conditions.shell_link import ShellLink

T = TypeVar("T")


class BreakingLink:
    """A `Link` to the test phone on which the call number `breaks_at` goes wrong.

    Args:
        reaches: the phone does what it was told, and only its answer is lost.
        returns: `reconnect` brings the phone back; else it is gone until `plug`.
        error: what is raised.
    """

    transport, features, over_network = "a bad cable", frozenset({"shell_v2"}), False

    def __init__(self, link: ShellLink, breaks_at: int, *, reaches: bool = False, returns: bool = False,
                 error: Callable[[], DeviceError] = lambda: DeviceLost("the cable was pulled")) -> None:
        self._link, self._breaks_at = link, breaks_at
        self._reaches, self._returns, self._error = reaches, returns, error
        self.serial = link.serial
        self.calls = 0
        self.reconnected = 0
        self._gone = False

    @property
    def broke(self) -> bool:
        """Whether the call was reached at which it breaks."""
        return self.calls >= self._breaks_at

    def plug(self) -> None:
        """The user puts the cable back."""
        self._gone = False

    def run(self, words: Sequence[str], *, deadline_s: float = QUICK_S) -> Completed:
        """See `Link.run`."""
        return self._through(lambda: self._link.run(words, deadline_s=deadline_s))

    def push(self, source: bytes | Path, path: str, *, mode: int = 0o644, deadline_s: float) -> None:
        """See `Link.push`."""
        self._through(lambda: self._link.push(source, path, mode=mode, deadline_s=deadline_s))

    def pull(self, path: str, *, deadline_s: float, most: int = 256 << 20) -> bytes:
        """See `Link.pull`."""
        return self._through(lambda: self._link.pull(path, deadline_s=deadline_s, most=most))

    def stat(self, path: str, *, deadline_s: float = QUICK_S) -> Stat | None:
        """See `Link.stat`."""
        return self._through(lambda: self._link.stat(path, deadline_s=deadline_s))

    def reconnect(self, deadline_s: float) -> None:
        """See `Link.reconnect`."""
        self.reconnected += 1
        if self._gone and not self._returns:
            raise DeviceLost("the phone did not come back")
        self._gone = False

    def close(self) -> None:
        """See `Link.close`."""

    def _through(self, do: Callable[[], T]) -> T:
        self.calls += 1
        if self._gone:
            raise DeviceLost("the cable is not in")
        if self.calls != self._breaks_at:
            return do()
        error = self._error()
        self._gone = isinstance(error, DeviceLost)
        if self._reaches:
            do()
        raise error


def hung() -> DeviceError:
    """What a phone without an answer raises."""
    return DeviceHung("no answer")
