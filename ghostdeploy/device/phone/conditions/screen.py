"""The screen: on and past the lock. Measured elsewhere: with the screen off models run five times slower (MNN#3939)."""

from __future__ import annotations

import re

from ghostdeploy.device.phone.conditions.base import Setting, Words
from ghostdeploy.device.phone.questions import Question

ON, LOCKED, OFF = "on", "locked", "off"

WAKE: Words = ("input", "keyevent", "KEYCODE_WAKEUP")
SLEEP: Words = ("input", "keyevent", "KEYCODE_SLEEP")
DISMISS: Words = ("wm", "dismiss-keyguard")     # past a lock without a secret; before one it only shows the keypad

COMMANDS: dict[str, tuple[Words, ...]] = {ON: (WAKE, DISMISS), LOCKED: (SLEEP, WAKE), OFF: (SLEEP,)}


def read(text: str) -> str | None:
    """`on`, `locked` (on, showing the lock screen) or `off`, which dozing and dreaming are too."""
    awake = re.search(r"mWakefulness=(\w+)", text)
    if awake is None:
        return None
    if awake[1] != "Awake":
        return OFF
    shown = re.search(r"(?:^\s*showing|mIsShowing|mShowingLockscreen)=(true|false)", text, re.MULTILINE)
    return LOCKED if shown is not None and shown[1] == "true" else ON


SCREEN = Setting(
    "screen", ON,
    # Both print hundreds of lines on a phone; `showing=` stands below KeyguardServiceDelegate since Android 8.
    Question("screen", 'dumpsys power | grep -E "^ *mWakefulness="; '
                       'dumpsys window policy | grep -E "^ *(showing|mIsShowing|mShowingLockscreen)="'),
    read, lambda value: COMMANDS.get(value, ()))
