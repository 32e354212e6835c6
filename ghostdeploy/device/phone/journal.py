"""What was changed on a phone and what it was before, kept on the phone itself until it is put back.

A run that dies (a cut cable, a killed process, an empty laptop battery) leaves its journal behind, and the next run, of
whatever computer, puts back what it says. It holds values, not commands: nothing that stands there is executed.

    /data/local/tmp/ghostdeploy/journal.json
    {"schema_version": 1, "changes": [{"name": "stay-awake", "before": "null", "by_hand": ["settings delete ..."]}]}
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Literal

from ghostdeploy.device import records
from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone.conditions import Setting
from ghostdeploy.device.phone.place import ROOT
from ghostdeploy.phone_errors import PushFailed

JOURNAL = f"{ROOT}/journal.json"
UNREADABLE = f"{ROOT}/journal.unreadable"
PUSH_S = 20.0
LONGEST = 64 << 10      # ours have under 1 KiB

SETTLE = 'mv "$1.part" "$1"'
ASIDE = 'mv "$1" "$2"'
READ = 'rm -f "$1.part"; [ -e "$1" ] || exit 44; cat "$1"'     # half a journal means that nothing was changed yet
NOTHING_THERE = 44


@dataclass(frozen=True)
class Change:
    """Something that was, or is about to be, changed. `by_hand` is what a person would type to put it back."""

    name: str
    before: str
    by_hand: tuple[str, ...]


@dataclass(frozen=True)
class Journal:
    """Everything that has to be put back, in the order in which it was changed."""

    schema_version: Literal[1]
    changes: tuple[Change, ...]


def change(setting: Setting, before: str) -> Change:
    """The entry for `setting`, which is `before` now."""
    return Change(setting.name, before, tuple(shlex.join(words) for words in setting.commands(before)))


def write(link: Link, changes: tuple[Change, ...]) -> None:
    """Have exactly `changes` in the phone's journal, whole or not at all; no changes, no journal.

    Raises:
        PushFailed: the phone does not let us. Nothing may be changed then.
        DeviceError: see `Link`.
    """
    if not changes:
        link.run(("rm", "-f", JOURNAL, f"{JOURNAL}.part"))
        return
    link.run(("mkdir", "-p", ROOT))
    document = json.dumps(records.to_json(Journal(1, changes)), indent=1)
    link.push(document.encode(), f"{JOURNAL}.part", mode=0o644, deadline_s=PUSH_S)
    settled = link.run(("sh", "-c", SETTLE, "sh", JOURNAL))
    if settled.status:
        raise PushFailed(f"cannot keep a journal on {link.serial}", settled.said,
                         "free space on the phone; without a journal no setting is touched")


def read(link: Link) -> tuple[Change, ...] | None:
    """What a run that died left; () if it left nothing, None if what is there is not a journal that we know.

    Raises:
        DeviceError: see `Link`.
    """
    there = link.run(("sh", "-c", READ, "sh", JOURNAL))
    if there.status == NOTHING_THERE:
        return ()
    return parse(there.out) if there.status == 0 else None


def parse(text: bytes) -> tuple[Change, ...] | None:
    """The changes in a journal; None for anything else, newer journals too."""
    if len(text) > LONGEST:
        return None
    try:
        return records.from_json(Journal, json.loads(text.decode())).changes
    except (ValueError, RecursionError):        # RecordError, JSONDecodeError and UnicodeDecodeError are ValueErrors
        return None


def put_aside(link: Link) -> None:
    """Keep a journal that nobody can read under another name, for people to look at."""
    link.run(("sh", "-c", ASIDE, "sh", JOURNAL, UNREADABLE))
