"""Putting back what was changed: everything that can be, whatever else fails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Completed, Link
from ghostdeploy.device.phone import journal
from ghostdeploy.device.phone.clock import SYSTEM, Clock
from ghostdeploy.device.phone.conditions import ALL
from ghostdeploy.device.phone.conditions.base import Words
from ghostdeploy.device.phone.journal import Change
from ghostdeploy.device.phone.settling import settled
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import DeviceHung, DeviceLost
from ghostdeploy.progress import Progress

RECONNECT_S = 30.0      # for a phone that went away meanwhile; after that its journal waits for the next run
HUNG = 2                # commands without an answer, after which a phone is left to its journal: each takes 15 s

NAMED = {setting.name: setting for setting in ALL}


@dataclass(frozen=True)
class Restored:
    """What came of putting back: the names of what is again as it was, and the changes that are not."""

    done: tuple[str, ...]
    left: tuple[Change, ...]

    def tell(self, serial: str, progress: Progress) -> None:
        """Say what is not, and how to do it by hand."""
        for change in self.left:
            by_hand = " && ".join(f"adb -s {serial} shell {command}" for command in change.by_hand)
            progress.note(f"{change.name} could not be put back to {change.before}; the next run tries again, "
                          f"or by hand: {by_hand or 'see the settings of the phone'}")


def put_back(link: Link, changes: Sequence[Change], clock: Clock = SYSTEM) -> Restored:
    """Put back `changes`, last first, and bring the journal up to date. Never raises a DeviceError.

    A phone that went away is waited for; what could not be put back stays in its journal.
    """
    accepted = _revert(link, changes)
    wanted = {NAMED[change.name]: change.before for change in changes if change.name in NAMED}
    try:
        found = settled(link, wanted, clock)
    except DeviceError:
        return Restored((), tuple(changes))     # it may well be back; the journal is still there and says so next time
    back = {change.name for change in changes if change.name in NAMED and
            (accepted.get(change.name) if found[change.name] is None else found[change.name] == change.before)}
    left = tuple(change for change in changes if change.name not in back)
    # What the phone neither tells nor takes would be tried for ever. A restart clears all such modes.
    hopeless = {name for name, taken in accepted.items() if not taken and found[name] is None}
    with suppress(DeviceError):                 # a journal that names what is back already does no harm
        journal.write(link, tuple(change for change in left if change.name not in hopeless))
    return Restored(tuple(change.name for change in changes if change.name in back), left)


def recover(link: Link, progress: Progress, clock: Clock = SYSTEM) -> tuple[Change, ...]:
    """Put back what a run that died left, and say so. What can't be put back is returned, and stays in the journal.

    Raises:
        DeviceError: see `Link`.
    """
    changes = journal.read(link)
    if changes is None:
        journal.put_aside(link)
        progress.note(f"an earlier run left a journal on {link.serial} that cannot be read; it is kept as "
                      f"{journal.UNREADABLE}: look whether its settings are as you want them")
        return ()
    if not changes:
        return ()
    restored = put_back(link, changes, clock)
    if restored.done:
        progress.note(f"put back what an earlier run that died had changed: {', '.join(restored.done)}")
    restored.tell(link.serial, progress)
    return restored.left


def _revert(link: Link, changes: Sequence[Change]) -> dict[str, bool]:
    """Send the commands; whether the phone took them, by the name of the change, as far as it answered."""
    accepted: dict[str, bool] = {}
    hung = 0
    for change in reversed(changes):
        setting = NAMED.get(change.name)
        if setting is None:
            continue
        try:
            taken = [_persistent(link, words).status == 0 for words in setting.commands(change.before)]
            accepted[change.name] = bool(taken) and all(taken)
        except DeviceHung:
            hung += 1
            if hung == HUNG:
                break
        except DeviceError:
            break
    return accepted


def _persistent(link: Link, words: Words) -> Completed:
    try:
        return link.run(words)
    except DeviceLost:
        link.reconnect(RECONNECT_S)
        return link.run(words)
