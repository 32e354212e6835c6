"""A program on a phone that goes on when the cable is pulled: started in a session of its own, polled, picked up again.

A foreground command of adb dies with the connection (observed on Android 6 and 9); a session that holds none of its
streams does not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone.runs import RunDirectory
from ghostdeploy.device.phone.steadily import RECONNECT_S
from ghostdeploy.errors import DeviceError, RunnerFailed
from ghostdeploy.phone_errors import DeviceHung, DeviceLost, DeviceRebooted

FIRST_POLL_S, LONGEST_POLL_S = 0.25, 1.0      # a poll wakes adbd for some milliseconds; rare ones disturb little
STARTING_S = 10.0                             # from the shell's word to a process that has written its number

# The session tells its own number: some versions of toybox's setsid fork, and then `$!` is a process that has ended.
START = r"""
cd "$1" || exit 1
shift
all='echo $$ >pid; "$@" >log 2>&1 </dev/null; echo $? >rc.part; mv rc.part rc'
setsid sh -c "$all" sh "$@" </dev/null >/dev/null 2>&1 &
"""
POLL = r"""
cat /proc/sys/kernel/random/boot_id
cd "$1" 2>/dev/null || { echo missing; exit; }
pid=$(cat pid 2>/dev/null)
alive=
case "$(tr '\0' ' ' <"/proc/${pid:-none}/cmdline" 2>/dev/null)" in (*"$1"*) alive=yes;; esac
if [ -f rc ]; then echo "ended $(cat rc)"; elif [ -n "$alive" ]; then echo running
elif [ -n "$pid" ]; then echo gone; else echo unstarted; fi
"""


@dataclass(frozen=True)
class Started:
    """A program that runs in `directory`, on a phone that was booted as `boot_id`."""

    directory: RunDirectory
    boot_id: str


@dataclass(frozen=True)
class Polled:
    """What became of it: `running`, `ended`, `gone` without an exit status (the system killed its whole session),
    `unstarted`, or `missing` with its directory."""

    state: str
    status: int | None


def start(link: Link, directory: RunDirectory, words: Sequence[str], boot_id: str) -> Started:
    """Start `words` detached in `directory`. If the connection breaks meanwhile, the phone tells whether it started.

    Raises:
        RunnerFailed: the phone's shell did not start it.
        DeviceRebooted: the phone is not the one that was booted as `boot_id`.
        DeviceLost, DeviceHung: it did not start, or the phone did not come back.
    """
    started = Started(directory, boot_id)
    try:
        done = link.run(("sh", "-c", START, "sh", directory.path, *words))
    except (DeviceLost, DeviceHung):
        link.reconnect(RECONNECT_S)
        if look(link, started).state == "unstarted":
            raise
        return started
    if done.status:
        raise RunnerFailed(f"the benchmark program could not be started on {link.serial}", done.said,
                           "see `ghostdeploy doctor`")
    return started


def look(link: Link, started: Started) -> Polled:
    """What the program is doing. An answer that makes no sense counts as a lost connection.

    Raises:
        DeviceRebooted: the phone was started anew since.
    """
    lines = link.run(("sh", "-c", POLL, "sh", started.directory.path)).text.split("\n")
    if len(lines) < 2 or not lines[0].strip():
        raise DeviceLost(f"{link.serial} answered nonsense", repr(lines)[:200], "check the cable and try again")
    state, _, status = lines[1].strip().partition(" ")
    if lines[0].strip() != started.boot_id:
        raise DeviceRebooted(f"{link.serial} was restarted while it was measuring", "its boot id changed",
                             "measure again; if it happens again, the phone may be overheating or out of memory")
    return Polled(state, int(status) if status.isdigit() else None)


def wait(link: Link, started: Started, deadline_s: float) -> int | None:
    """Wait for its end and return the exit status, None where it left none. A lost connection is taken up again.

    Raises:
        DeviceRebooted: the phone was started anew meanwhile.
        DeviceLost: the phone did not come back within `RECONNECT_S`.
        DeviceHung: the program ran past its deadline.
    """
    begun, pause = time.monotonic(), FIRST_POLL_S
    end = begun + deadline_s
    while True:
        try:
            seen = look(link, started)
        except DeviceRebooted:
            raise
        except DeviceError:     # lost, or on its way back: offline, not yet trusted, not yet opened by udev's rules
            if time.monotonic() > end + RECONNECT_S:
                raise
            link.reconnect(RECONNECT_S)
            continue
        starting = seen.state == "unstarted" and time.monotonic() < begun + STARTING_S
        if seen.state != "running" and not starting:
            return seen.status
        if time.monotonic() > end:
            raise DeviceHung(f"the benchmark on {link.serial} ran past its deadline of {deadline_s:.0f} s",
                             "it hangs, or the phone is far slower than expected", "try fewer --runs")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_POLL_S)
