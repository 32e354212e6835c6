"""Our directory on a phone. Nothing outside it is ever written, and only what lies below it is ever removed.

    /data/local/tmp/ghostdeploy/
        store/HASH/     a program with its libraries, or an artifact; kept, so that it is pushed once
        runs/ID/        one process: its inputs, what it left, and who it is; removed when it ended
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Link
from ghostdeploy.phone_errors import DeviceBusy, DeviceUnsuitable, PushFailed

ROOT = "/data/local/tmp/ghostdeploy"    # adb's user may write and execute here on every phone; /sdcard is noexec
STORE, RUNS = f"{ROOT}/store", f"{ROOT}/runs"
MARGIN_KB = 32 << 10                    # left free for the phone and for what the runner writes
RUN_NAME = re.compile(r"[0-9a-f]{16}")

# The directory goes first, so that nothing new can start in it; then every process that has its random name among its
# words, wherever the start of it was cut off. The name comes in two halves: this script is not to find itself.
END = r"""
name="$2$3"
rm -rf "$1/$name"
for try in 1 2 3; do
  found=
  for process in /proc/[0-9]*; do
    case "$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)" in
      (*"/$name"*) found=yes; kill -9 "${process#/proc/}" 2>/dev/null;;
    esac
  done
  [ -n "$found" ] || break
done
rm -rf "$1/$name"
"""
# One line for each run: its name, and the seconds that it may still take, 0 where its process is gone or late.
LIST = r"""
cd "$1" 2>/dev/null || exit 0
now=$(cut -d. -f1 /proc/uptime)
for run in *; do
  [ -d "$run" ] || continue
  left=0; pid=$(cat "$run/pid" 2>/dev/null); until=$(cat "$run/until" 2>/dev/null)
  case "$(tr '\0' ' ' <"/proc/${pid:-none}/cmdline" 2>/dev/null)" in
    (*"/$run"*) left=$((${until:-0} - now));;
  esac
  echo "$run $left"
done
"""
LONGEST_RUN_S = 86_400      # what claims to take longer was written before a restart, by another clock
FREE = 'mkdir -p "$1" && df -k "$1"'


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one process on the phone; `name` is random, and occurs in the words of all its processes."""

    name: str

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{RUNS}/{self.name}"

    def __truediv__(self, name: str) -> str:
        return f"{self.path}/{name}"


def make_run(link: Link) -> RunDirectory:
    """A new, empty directory for one process.

    Raises:
        PushFailed: the phone lets nobody write there.
    """
    directory = RunDirectory(secrets.token_hex(8))
    made = link.run(("mkdir", "-p", directory.path))
    if made.status:
        raise PushFailed(f"cannot make {directory.path} on {link.serial}", made.said,
                         f"look at it: adb -s {link.serial} shell ls -la /data/local/tmp")
    return directory


def end_run(link: Link, name: str) -> None:
    """Remove the directory of a run, and end whatever still runs for it."""
    link.run(("sh", "-c", END, "sh", RUNS, name[:8], name[8:]))


def sweep(link: Link) -> None:
    """Remove what runs that died have left, their processes too.

    Raises:
        DeviceBusy: another benchmark is running on this phone.
    """
    told = link.run(("sh", "-c", LIST, "sh", RUNS)).text.splitlines()
    longest = 0
    for name, _, left in (line.partition(" ") for line in told):
        if not RUN_NAME.fullmatch(name):
            continue
        seconds = int(left) if left.isdigit() else 0
        if 0 < seconds <= LONGEST_RUN_S:
            longest = max(longest, seconds)
        else:
            end_run(link, name)
    if longest:
        raise DeviceBusy(f"another benchmark is running on {link.serial}",
                         "two at once would measure each other", f"it ends within {longest} s; try again then")


def make_room(link: Link, wanted_bytes: int, free_kb: int | None, keep: frozenset[str]) -> None:
    """See that `wanted_bytes` fit; where they don't, drop from the store what is not in `keep` (hashes).

    Raises:
        DeviceUnsuitable: they don't fit even so.
    """
    wanted_kb = wanted_bytes // 1024 + MARGIN_KB
    if free_kb is None or free_kb >= wanted_kb:    # where the phone does not tell, the push itself will
        return
    stored = link.run(("ls", STORE)).text.split()
    for name in stored:
        if name not in keep and re.fullmatch(r"[0-9a-f]{64}", name):
            link.run(("rm", "-rf", f"{STORE}/{name}"))
    free_kb = free_space_kb(link)
    if free_kb is not None and free_kb < wanted_kb:
        raise DeviceUnsuitable(f"{link.serial} has {free_kb >> 10} MiB free, and {wanted_kb >> 10} MiB are needed",
                               "the benchmark, its runtime and the model are copied to /data/local/tmp",
                               "free some space on the phone")


def free_space_kb(link: Link) -> int | None:
    """Free space where our directory is, in kB; None where the phone does not tell in a form that we know."""
    from ghostdeploy.device.phone.space import free_kb

    return free_kb(link.run(("sh", "-c", FREE, "sh", ROOT)).text)
