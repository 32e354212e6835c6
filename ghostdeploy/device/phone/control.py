"""A phone under control for the length of a block, and as it was before afterwards: the one entry to all of this."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.base import Core, DeviceState
from ghostdeploy.device.condition import Condition, Finding
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone import apps, conditions, cooling, load, preflight, restoring, watched
from ghostdeploy.device.phone.changing import Changes
from ghostdeploy.device.phone.clock import SYSTEM, Clock
from ghostdeploy.device.phone.conditions import AIRPLANE_MODE, BATTERY_SAVER, HOME_SCREEN, SCREEN, background
from ghostdeploy.device.phone.cooling import Coolness
from ghostdeploy.device.phone.interrupts import Interrupts
from ghostdeploy.device.phone.load import COUNTED
from ghostdeploy.device.phone.preflight import THRESHOLDS
from ghostdeploy.device.phone.questions import Answers, ask
from ghostdeploy.errors import UsageError
from ghostdeploy.progress import SILENT, Progress

COUNT_S = 1.0       # how long the phone's cores are watched for other load
QUIET_TRIES = 20    # and how often: what closing apps stirs up settles within some seconds

SETTINGS: Final = (*conditions.ALL, HOME_SCREEN)
QUESTIONS: Final = tuple(dict.fromkeys((*preflight.QUESTIONS, *watched.QUESTIONS, *(s.question for s in SETTINGS))))


@contextmanager
def controlled(link: Link, wishes: Wishes, progress: Progress = SILENT, clock: Clock = SYSTEM) -> Iterator[Controlled]:
    """Bring the phone under control, and put everything back however the block is left.

    What an earlier run left changed is put back first. `wishes.confirm` is asked before any app is closed. The first
    Ctrl-C ends the block, later ones do not stop the putting back. A phone that is lost for good keeps its journal, for
    the next run.

    Raises:
        UsageError: `wishes` that cannot be fulfilled.
        DeviceNotReady: something stands against measuring, and is not allowed.
        PushFailed: no journal can be kept on the phone; nothing was changed.
        DeviceError: see `Link`.
    """
    preflight.check_names(wishes.allow)
    if wishes.airplane and link.over_network:
        raise UsageError(f"airplane mode would cut the connection to {link.serial}", "it is reached over the network",
                         "connect it by USB, or leave --airplane out")
    with Interrupts(progress) as interrupts:
        phone = Controlled(link, wishes, progress, clock)
        try:
            try:
                phone.begin()
                yield phone
                phone.look_again()
            finally:
                interrupts.hold()       # a Ctrl-C before this line comes first, and none comes after it
        finally:
            phone.end()


class Controlled:
    """A phone under control. See `ghostdeploy.device.control.Control`."""

    def __init__(self, link: Link, wishes: Wishes, progress: Progress, clock: Clock) -> None:
        self._link, self._wishes, self._progress, self._clock = link, wishes, progress, clock
        self._coolness = Coolness(wishes.max_battery_c, wishes.cool_down_s)
        self._changes = Changes(link, (), clock)
        self._before = self._after = Answers({}, {})
        self._of_apps: tuple[Condition, ...] = ()
        self._found: tuple[Finding, ...] = ()
        # Limits count from the first round on: fixed performance, set before it, lowers them for good reason.
        self._highest: Mapping[Core, int] = {}

    def rest(self) -> None:
        """Wait until the phone is cool. Whoever allows THERMAL is not kept waiting.

        Raises:
            DeviceNotReady: it stays too warm.
        """
        patience = replace(self._coolness, deadline_s=0.0) if "THERMAL" in self._wishes.allow else self._coolness
        cooled = cooling.wait(self._link, patience, self._progress, self._clock)
        self._meet(preflight.heat(cooled.excess, cooled.waited_s, self._wishes.allow))

    def spoiled(self, before: DeviceState, after: DeviceState, cores: Sequence[Core],
                cpus: Collection[int] | None) -> str | None:
        """See `cooling.throttled`."""
        self._highest = cooling.highest(self._highest, (before, after), cores)
        ran_on = [core for core in cores if cpus is None or core.index in cpus]
        return cooling.throttled(before, after, self._highest, cores, ran_on)

    def records(self) -> tuple[Condition, ...]:
        """What was brought under control, and what was not. Complete, with `restored`, once the block was left."""
        return (*self._changes.records(), *self._of_apps,
                *watched.records(self._before, self._after, THRESHOLDS, self._coolness))

    def findings(self) -> tuple[Finding, ...]:
        """What stood against measuring, and was allowed."""
        return self._found

    def begin(self) -> None:
        """Set everything; see `controlled`."""
        self._progress.stage(f"bring {self._link.serial} under control")
        self._changes = Changes(self._link, restoring.recover(self._link, self._progress, self._clock), self._clock)
        self._before = self._after = ask(self._link, QUESTIONS)
        self._changes.make(conditions.ALL, self._before, leave=() if self._wishes.airplane else (AIRPLANE_MODE,))
        known = replace(preflight.facts(self._before), screen=self._changes.value(SCREEN),
                        battery_saver=self._changes.value(BATTERY_SAVER))
        self._meet(preflight.findings(known, THRESHOLDS, self._wishes.allow))
        self._of_apps = (*self._close_apps(), *self._kill_background())
        self._changes.make((HOME_SCREEN,), self._before)
        self.rest()
        self._meet(preflight.load(self._busy(), THRESHOLDS, self._wishes.allow))

    def look_again(self) -> None:
        """See whether everything is still as it was set, so that the record is true of the whole time."""
        self._after = ask(self._link, QUESTIONS)
        self._changes.still(SETTINGS, self._after)

    def end(self) -> None:
        """Put everything back; says what it cannot. Never raises a DeviceError."""
        self._changes.undo().tell(self._link.serial, self._progress)

    def _close_apps(self) -> tuple[Condition, ...]:
        if self._wishes.close_apps != "all":
            return (Condition("other-apps", "kept", "achieved", None, None, None),)
        plan = apps.plan(self._link, self._wishes.keep_apps)
        if plan.kept:
            self._progress.note(plan.kept_text)
        if plan.stop and not self._wishes.confirm(plan.stop):
            return (Condition("other-apps", "closed", "not controlled", plan.text, "kept: nobody confirmed", None),)
        return (apps.close(self._link, plan),)

    def _kill_background(self) -> tuple[Condition, ...]:
        return () if self._wishes.close_apps == "none" else (background.kill(self._link),)

    def _busy(self) -> float | None:
        """The part of the cores that others take, once that is little, or has not become so."""
        busy = None
        for _ in range(1 if "OTHER_LOAD" in self._wishes.allow else QUIET_TRIES):
            before = ask(self._link, (COUNTED,))[COUNTED]
            self._clock.sleep(COUNT_S)
            busy = load.busy_share(before, ask(self._link, (COUNTED,))[COUNTED])
            if busy is None or busy <= THRESHOLDS.busy_share:
                break
        return busy

    def _meet(self, found: tuple[Finding, ...]) -> None:
        preflight.refuse(self._link.serial, found)
        known = {finding.name for finding in self._found}
        for finding in found:
            if finding.name not in known:
                self._found = (*self._found, finding)
                self._progress.note(f"{finding.name}, allowed: {finding.sentence}")
