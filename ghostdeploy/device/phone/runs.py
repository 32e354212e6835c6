"""The directories of benchmark processes on a phone, and the end of everything that runs for one."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone.place import RUNS
from ghostdeploy.phone_errors import PushFailed

NAME = re.compile(r"[0-9a-f]{16}")

# The directory goes first, so that nothing new can start in it; then every process that has its random name among its
# words, wherever the start of it was cut off. The name comes in two halves: this script is not to find itself.
# No process is started to look at one: a phone has a thousand, and its shell reads a word list in 0.1 ms.
END = r"""
name="$2$3"
rm -rf "$1/$name"
for try in 1 2 3; do
  found=
  for process in /proc/[0-9]*; do
    while IFS= read -r words || [ -n "$words" ]; do
      case "$words" in (*"/$name"*) found=yes; kill -9 "${process#/proc/}"; break;; esac
    done <"$process/cmdline"
  done 2>/dev/null
  [ -n "$found" ] || break
done
rm -rf "$1/$name"
"""
END_S = 60.0


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
    link.run(("sh", "-c", END, "sh", RUNS, name[:8], name[8:]), deadline_s=END_S)


def remove_run(link: Link, directory: RunDirectory) -> None:
    """Remove the directory of a run that has ended by itself."""
    link.run(("rm", "-rf", directory.path))


def end_all(link: Link) -> None:
    """The same for every run; for who has the phone alone, see `claim`."""
    for name in link.run(("ls", RUNS)).text.split():
        if NAME.fullmatch(name):
            end_run(link, name)
