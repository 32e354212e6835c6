"""Other apps closed: which would be, which stay, and closing them. It can't be undone, so the list comes first."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.condition import Condition
from ghostdeploy.device.phone import packages
from ghostdeploy.device.phone.conditions.home_screen import LAUNCHER
from ghostdeploy.device.phone.questions import Answers, Question, ask
from ghostdeploy.errors import UsageError

THIRD_PARTY = Question("third-party", "pm list packages -3 --user current || pm list packages -3")
INSTALLED = Question("installed", "pm list packages")
KEYBOARD = Question("keyboard", "settings get secure default_input_method")
ACCESSIBILITY = Question("accessibility", "settings get secure enabled_accessibility_services")
# `dumpsys device_policy` names device owners and admins as components, among much else; none of it is a user's game.
ADMINS = Question("admins", "dumpsys device_policy")
HOME = Question("home", f"{LAUNCHER}; cmd role get-role-holders android.app.role.HOME")
# The one that is connected, the one that always should be, and all that the user has allowed to be one.
VPN = Question("vpn", 'settings get secure always_on_vpn_app; cmd appops query-op ACTIVATE_VPN allow; '
                      'dumpsys vpn_management | sed -n "s/^ *[0-9]*: //p"')

BATCH = 20          # names in one command, so that none takes long
STOP = 'for name; do am force-stop --user current "$name"; done'
STOP_S = 60.0       # for a batch; `am force-stop` starts a Java program on slow phones, 0.5 s each
RUNNING = Question("running", "ps -A -o NAME")

@dataclass(frozen=True)
class Kept:
    """An app that stays open, and why."""

    package: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What closing apps would do: `stop` are packages by name, sorted."""

    stop: tuple[str, ...]
    kept: tuple[Kept, ...]

    @property
    def text(self) -> str:
        """How many there are."""
        return f"{len(self.stop) + len(self.kept)} third-party apps"

    @property
    def kept_text(self) -> str:
        """What stays, and why, for people."""
        return "these apps stay open: " + ", ".join(f"{app.package} ({app.reason})" for app in self.kept)


def plan(link: Link, keep: Sequence[str]) -> Plan:
    """Which apps would be closed, and which not. Changes nothing.

    Raises:
        UsageError: a name in `keep` is that of no app on the phone.
        DeviceError: see `Link`.
    """
    return planned(ask(link, (THIRD_PARTY, INSTALLED, KEYBOARD, ACCESSIBILITY, ADMINS, HOME, VPN)), keep)


def planned(answers: Answers, keep: Sequence[str]) -> Plan:
    """The plan that follows from the phone's `answers`.

    Raises:
        UsageError: see `plan`.
    """
    third_party = packages.listed(answers[THIRD_PARTY])
    _check(keep, {*third_party, *packages.listed(answers[INSTALLED])})
    reasons = dict.fromkeys(keep, "you said so")
    for question, reason in ((ADMINS, "manages the phone"), (VPN, "VPN"), (ACCESSIBILITY, "accessibility service"),
                             (HOME, "home screen"), (KEYBOARD, "keyboard")):
        text = answers[question]
        reasons.update(dict.fromkeys((*packages.components(text), *packages.alone(text)), reason))
    return Plan(tuple(name for name in third_party if name not in reasons),
                tuple(Kept(name, reasons[name]) for name in third_party if name in reasons))


def close(link: Link, planned: Plan) -> Condition:
    """Close the apps of a plan. Those that start again at once are named in the record.

    Raises:
        DeviceError: see `Link`.
    """
    for start in range(0, len(planned.stop), BATCH):
        link.run(("sh", "-c", STOP, "sh", *planned.stop[start:start + BATCH]), deadline_s=STOP_S)
    # A process is called after its package, or `package:part`.
    running = {word.partition(":")[0] for word in ask(link, (RUNNING,))[RUNNING].split()}
    again = [name for name in planned.stop if name in running]
    after = f"{len(planned.stop) - len(again)} closed" + (f"; running again: {', '.join(again)}" if again else "")
    return Condition("other-apps", "closed", "refused" if again else "achieved",
                     planned.text, after, None)


def _check(keep: Sequence[str], installed: set[str]) -> None:
    for name in keep:
        if name not in installed:
            near = difflib.get_close_matches(name, installed, n=1)
            raise UsageError(f"--keep-app {name}: there is no such app on the phone",
                             "closing apps can't be undone, so a name that keeps nothing is not passed over",
                             f"did you mean {near[0]}?" if near else "list them: adb shell pm list packages -3")
