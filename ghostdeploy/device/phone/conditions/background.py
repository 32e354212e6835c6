"""Background processes killed: apps that no one sees and that the system could kill at any time. They come back."""

from __future__ import annotations

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.condition import Condition


def kill(link: Link) -> Condition:
    """Ask the system to kill them.

    Raises:
        DeviceError: see `Link`.
    """
    killed = link.run(("am", "kill-all"))
    return Condition("background-processes", "killed", "refused" if killed.status else "achieved", None,
                     "not told" if killed.status else "killed", None)
