"""Waiting until a phone is cool, and telling rounds in which it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.base import Core, DeviceState
from ghostdeploy.device.phone import battery, thermal
from ghostdeploy.device.phone.battery import BATTERY
from ghostdeploy.device.phone.clock import SYSTEM, Clock
from ghostdeploy.device.phone.questions import ask
from ghostdeploy.device.phone.thermal import THERMAL
from ghostdeploy.progress import Progress

POLL_S = 5.0        # Android's own poll of its sensors while hot is 1 to 5 s
SAY_EVERY_S = 15.0


@dataclass(frozen=True)
class Coolness:
    """When a phone is cool enough.

    Attributes:
        battery_c: the battery is no warmer, in degrees Celsius; react-native-executorch waits for 37.
        deadline_s: given up after this; AndroidX Benchmark sleeps for 90 s at a time, and a phone in its case needs
            several of these.
    """

    battery_c: float
    deadline_s: float


@dataclass(frozen=True)
class Heat:
    """How warm a phone is; None for what it does not tell."""

    status: int | None
    battery_c: float | None

    def excess(self, coolness: Coolness) -> str | None:
        """In words, what is too warm; None if nothing is, as far as is known."""
        status = f"thermal status {thermal.name(self.status)}" if self.status else None
        warm = self.battery_c is not None and self.battery_c > coolness.battery_c
        cell = f"battery at {self.battery_c:.1f} °C, above {coolness.battery_c:.1f}" if warm else None
        return ", ".join(filter(None, (status, cell))) or None


@dataclass(frozen=True)
class Cooled:
    """How waiting ended: `excess` says what is still too warm, None for a phone that is cool."""

    waited_s: float
    heat: Heat
    excess: str | None


def look(link: Link) -> Heat:
    """How warm the phone is now.

    Raises:
        DeviceError: see `Link`.
    """
    answers = ask(link, (THERMAL, BATTERY))
    return Heat(thermal.read(answers[THERMAL]).status, battery.read(answers[BATTERY]).celsius)


def wait(link: Link, coolness: Coolness, progress: Progress, clock: Clock = SYSTEM) -> Cooled:
    """Wait until the phone is cool, or the deadline has passed; says every 15 s what it is waiting for.

    Raises:
        DeviceError: see `Link`.
    """
    start = clock.monotonic()
    said = float("-inf")
    while True:
        heat = look(link)
        excess, waited = heat.excess(coolness), clock.monotonic() - start
        if excess is None or waited >= coolness.deadline_s:
            return Cooled(waited, heat, excess)
        if waited - said >= SAY_EVERY_S:
            progress.note(f"waiting for {link.serial} to cool: {excess}; {coolness.deadline_s - waited:.0f} s left")
            said = waited
        clock.sleep(min(POLL_S, coolness.deadline_s - waited))


def highest(seen: Mapping[Core, int], states: Sequence[DeviceState], cores: Sequence[Core]) -> Mapping[Core, int]:
    """The highest limit in kHz of each core, of those `seen` and those in `states`."""
    found = dict(seen)
    for state in states:
        for core, khz in _limits(state, cores).items():
            found[core] = max(khz, found.get(core, khz))
    return found


def throttled(before: DeviceState, after: DeviceState, best: Mapping[Core, int], cores: Sequence[Core],
              ran_on: Sequence[Core]) -> str | None:
    """Why a round between these two states was throttled, in words; None if there is no sign of it.

    A status above NONE on either side: LIGHT alone already slowed AndroidX' probe from 55 to 72 ms. Without such a
    service (before Android 10), and on phones that throttle silently: a core that the job `ran_on` may not go as fast
    as at its `best` since control began, or is gone. Comparing the two states alone would not do: on a phone
    that stays held down they are the same when the round is made again.
    """
    hottest = max((state.thermal_status for state in (before, after) if state.thermal_status is not None), default=0)
    if hottest > 0:
        return f"thermal status {thermal.name(hottest)}"
    old, new = _limits(before, cores), _limits(after, cores)
    for core in (core for core in ran_on if core in best):
        if core not in new:
            return f"core {core.index} was switched off"
        lowest = min(new[core], old.get(core, new[core]))
        if lowest < best[core]:
            return f"core {core.index} was held down from {best[core] / 1e6:.2f} to {lowest / 1e6:.2f} GHz"
    return None


def _limits(state: DeviceState, cores: Sequence[Core]) -> dict[Core, int]:
    """Those that the phone told; it may have told none."""
    return {core: khz for core, khz in zip(cores, state.limits_khz, strict=False) if khz is not None}
