"""A device under control while it is measured: what is wished, what was found, and what was done about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ghostdeploy.device.condition import Condition, Finding

if TYPE_CHECKING:
    from ghostdeploy.device.base import Core, DeviceState

CloseApps = Literal["none", "background", "all"]


@dataclass(frozen=True)
class Wishes:
    """How a device is to be while it is measured. On this machine nothing is ever changed.

    Attributes:
        close_apps: `all` force-stops third-party apps, `background` only ends processes that Android may end anyway.
        keep_apps: packages that are never stopped.
        allow: names of findings that may stand.
        airplane: go to airplane mode; only where the phone is reached by USB.
        max_battery_c: degrees Celsius; a round waits until the battery is no warmer.
        cool_down_s: seconds that it may wait for that.
        confirm: asked with the packages that would be stopped; False leaves them alone.
    """

    close_apps: CloseApps = "all"
    keep_apps: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    airplane: bool = False
    max_battery_c: float = 37.0
    cool_down_s: float = 600.0
    confirm: Callable[[tuple[str, ...]], bool] = lambda packages: False


class Control(Protocol):
    """A device while it is under control."""

    def rest(self) -> None:
        """Wait until the device is fit for a round: not throttled, not too warm.

        Raises:
            DeviceNotReady: it does not get there in time.
        """

    def spoiled(self, before: DeviceState, after: DeviceState, cores: Sequence[Core],
                cpus: Collection[int] | None) -> str | None:
        """Why a round between these states does not count; None if it does.

        `cores` are the device's, in the order of the states; `cpus` those that the job was pinned to, None for any.
        """

    def records(self) -> tuple[Condition, ...]:
        """What was done, and whether it was put back; complete once control has ended."""

    def findings(self) -> tuple[Finding, ...]:
        """What was found and allowed."""


@dataclass(frozen=True)
class Uncontrolled:
    """This machine: it is watched, and nothing of it is changed."""

    wishes: Wishes

    def rest(self) -> None:
        """See `Control.rest`."""

    def spoiled(self, before: DeviceState, after: DeviceState, cores: Sequence[Core],
                cpus: Collection[int] | None) -> str | None:
        """See `Control.spoiled`."""
        return None

    def records(self) -> tuple[Condition, ...]:
        """See `Control.records`."""
        kept = self.wishes.close_apps == "none"
        return (Condition("other-apps", "kept" if kept else "closed", "achieved" if kept else "not controlled", None,
                          None, None),)

    def findings(self) -> tuple[Finding, ...]:
        """See `Control.findings`."""
        return ()
