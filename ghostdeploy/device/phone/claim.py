"""One benchmark at a time on a phone: two would measure each other, and put back each other's settings.

A lock in our directory names the computer and process at work and how long it may take. It is not believed after a
restart of the phone, after that time, or where its process was one of this computer and is gone.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone import runs
from ghostdeploy.device.phone.place import ROOT
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import DeviceBusy, PushFailed

HOLD_S = 86_400     # longer than any benchmark; only a crash of another computer makes anyone wait for its end
READ = r"""
mkdir -p "$1" && cd "$1" || exit 1
cat /proc/sys/kernel/random/boot_id
cut -d. -f1 /proc/uptime
cat lock 2>/dev/null
exit 0
"""
WRITE = 'cd "$1" && echo "$2" >lock.part && mv lock.part lock'


@dataclass(frozen=True)
class Claim:
    """This process's hold on a phone that was booted as `boot_id`."""

    boot_id: str


@contextmanager
def claimed(link: Link) -> Iterator[Claim]:
    """Have the phone alone. What a process that died has left running or lying there is cleaned up first.

    Raises:
        DeviceBusy: another benchmark is at work on it.
        PushFailed: nothing can be written there. DeviceError: see `Link`.
    """
    boot_id, now, lock = _read(link)
    left = _left(boot_id, now, lock)
    if left:
        raise DeviceBusy(f"another benchmark is at work on {link.serial}: {' process '.join(lock[2:4])}",
                         "two at once would measure each other",
                         f"try again when it has ended; if it crashed: adb -s {link.serial} shell rm {ROOT}/lock")
    line = f"{boot_id} {now + HOLD_S} {platform.node() or '-'} {os.getpid()}"
    written = link.run(("sh", "-c", WRITE, "sh", ROOT, line))
    if written.status:
        raise _unwritable(link, written.said)
    try:
        runs.end_all(link)
        yield Claim(boot_id)
    finally:
        with suppress(DeviceError):     # a lock that stays is not believed once this process is gone
            link.run(("rm", "-f", f"{ROOT}/lock"))


def _left(boot_id: str, now: int, lock: list[str]) -> int:
    """Seconds for which somebody else may still be at work; 0 for nobody."""
    if len(lock) != 4 or lock[0] != boot_id or not lock[1].isdigit() or not lock[3].isdigit():
        return 0
    if lock[2] == platform.node() and not _alive(int(lock[3])):
        return 0
    return max(int(lock[1]) - now, 0)


def _alive(process: int) -> bool:
    """Whether another process of this computer has this number."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _read(link: Link) -> tuple[str, int, list[str]]:
    """The phone's boot id, its seconds since then, and the words of the lock."""
    told = link.run(("sh", "-c", READ, "sh", ROOT))
    lines = told.text.split("\n")
    if told.status or len(lines) < 2 or not lines[1].strip().isdigit():
        raise _unwritable(link, told.said)
    return lines[0].strip(), int(lines[1]), lines[2].split() if len(lines) > 2 else []


def _unwritable(link: Link, said: str) -> PushFailed:
    return PushFailed(f"{ROOT} cannot be used on {link.serial}", said,
                      f"look at it: adb -s {link.serial} shell ls -la /data/local/tmp")
