"""The home screen in front: nothing draws, and no app is `top`, which the scheduler would prefer."""

from __future__ import annotations

import re

from ghostdeploy.device.phone import packages
from ghostdeploy.device.phone.conditions.base import Setting, Words
from ghostdeploy.device.phone.questions import Question

HOME = "home screen"
LAUNCHER = "cmd package resolve-activity --brief -a android.intent.action.MAIN -c android.intent.category.HOME"
PRESS: tuple[Words, ...] = (("input", "keyevent", "KEYCODE_HOME"),)


def read(text: str) -> str | None:
    """`home screen`, or the package that is in front; Android 8 to 15 call it by three names."""
    front = re.search(r"^.*(?:topResumedActivity|mResumedActivity|ResumedActivity)[:=] *ActivityRecord\{(.*)\}",
                      text, re.MULTILINE)
    launcher = re.search(r"^launcher (.*)$", text, re.MULTILINE)
    there = packages.components(front[1]) if front else ()
    if not there:
        return None
    return HOME if launcher and there[0] in packages.components(launcher[1]) else there[0]


HOME_SCREEN = Setting(
    "home-screen", HOME,
    Question("home-screen", 'dumpsys activity activities | grep -E "ResumedActivity[:=]"; '
                            f'echo "launcher $({LAUNCHER} | tail -n 1)"'),
    read, lambda value: PRESS if value == HOME else (), lasting=True)
