"""Changing settings of a phone: journal first, then the change, then a look whether it took, and all of it undone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.condition import Condition
from ghostdeploy.device.phone import journal, restoring
from ghostdeploy.device.phone.clock import Clock
from ghostdeploy.device.phone.conditions import Setting
from ghostdeploy.device.phone.journal import Change
from ghostdeploy.device.phone.questions import Answers
from ghostdeploy.device.phone.restoring import Restored
from ghostdeploy.device.phone.settling import settled, values


class Changes:
    """What was changed on one phone. `left` is what an earlier run changed and nobody could put back yet."""

    def __init__(self, link: Link, left: Sequence[Change], clock: Clock) -> None:
        self._link, self._clock = link, clock
        self._pending = tuple(left)
        self._noted = bool(left)        # there is a journal on the phone
        self._records: dict[str, Condition] = {}

    def records(self) -> tuple[Condition, ...]:
        """One for each setting that was tried or left alone."""
        return tuple(self._records.values())

    def make(self, settings: Sequence[Setting], now: Answers, leave: Collection[Setting] = ()) -> None:
        """Bring `settings` to what is wanted, but for those to `leave` alone. `now` is what the phone said of them.

        Raises:
            PushFailed: no journal can be kept on the phone; nothing was changed.
            DeviceError: see `Link`; `undo` puts back what was changed by then.
        """
        before = values(settings, now)
        changing = [s for s in settings if s not in leave and before[s.name] != s.wanted
                    and (before[s.name] is not None or s.assumed is not None)]
        self._note_down([s for s in changing if not s.lasting], before)
        accepted = {setting.name: self._put(setting) for setting in changing}
        after = settled(self._link, {setting: setting.wanted for setting in changing}, self._clock)
        for setting in settings:
            name = setting.name
            self._records[name] = _record(setting, before[name], after.get(name, before[name]), accepted.get(name))
        # What the phone refused, and does not tell, was not changed: there is nothing to put back.
        self._pending = tuple(change for change in self._pending
                              if accepted.get(change.name, True) or after[change.name] is not None)

    def still(self, settings: Sequence[Setting], now: Answers) -> None:
        """See in what the phone says `now` whether everything is still as it was set, and correct the records."""
        for name, value in values(settings, now).items():
            record = self._records[name]
            if record.achieved == "achieved" and value not in (None, record.wanted):
                self._records[name] = replace(record, achieved="not controlled", after=value)

    def value(self, setting: Setting) -> str | None:
        """What `setting` is since `make`."""
        return self._records[setting.name].after

    def undo(self) -> Restored:
        """Put everything back, and mark it in the records. Never raises a DeviceError."""
        if not self._noted:
            return Restored((), ())
        pending, self._pending = self._pending, ()
        restored = restoring.put_back(self._link, pending, self._clock)
        for change in pending:
            if change.name in self._records:
                self._records[change.name] = replace(self._records[change.name], restored=change.name in restored.done)
        return restored

    def _note_down(self, changing: Sequence[Setting], before: dict[str, str | None]) -> None:
        """Into the journal, and here: first here, so that `undo` knows whatever happens on the way."""
        known = {change.name for change in self._pending}
        fresh = tuple(journal.change(setting, value) for setting in changing if setting.name not in known
                      and (value := before[setting.name] or setting.assumed) is not None)
        self._pending = (*self._pending, *fresh)
        if fresh:
            self._noted = True
            journal.write(self._link, self._pending)

    def _put(self, setting: Setting) -> bool:
        """Send the commands, all of them, whatever becomes of one; whether the phone took them."""
        statuses = [self._link.run(words).status for words in setting.commands(setting.wanted)]
        return not any(statuses)


def _record(setting: Setting, before: str | None, after: str | None, accepted: bool | None) -> Condition:
    """The record of a setting that was tried (`accepted`: the phone took the commands) or left alone (None)."""
    if accepted is None:
        already = after == setting.wanted
        return Condition(setting.name, setting.wanted, "achieved" if already else "not controlled", before, after, None)
    done = after == setting.wanted if after is not None else accepted
    return Condition(setting.name, setting.wanted, "achieved" if done else "refused", before,
                     setting.wanted if done else after, None)
