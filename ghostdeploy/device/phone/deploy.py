"""Bringing files onto a phone: only what is not there, under another name first, hashed by the phone, then renamed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone.place import STORE, free_space_kb, make_room
from ghostdeploy.phone_errors import PushFailed

# The slowest links that are still in use (Wi-Fi, USB 2 through hubs) carry over 1 MB/s.
START_S, SECONDS_PER_MB = 20.0, 2.0

# One line for each file that is there: its hash, by the best of the programs that this phone has (Android 8's toybox
# has both).
HASHES = r"""
cd "$1" 2>/dev/null || exit 0
shift
for name; do
  [ -f "$name" ] || continue
  line=$(sha256sum "$name" 2>/dev/null || toybox sha256sum "$name" 2>/dev/null) && echo "sha256 $line" && continue
  line=$(md5sum "$name" 2>/dev/null || toybox md5sum "$name" 2>/dev/null) && echo "md5 $line"
done
"""
SETTLE = 'cd "$1" && chmod "$3" "$2.part" && mv "$2.part" "$2"'


@dataclass(frozen=True)
class Cargo:
    """A file for the phone, under the name `name` there."""

    path: Path
    name: str
    sha256: str
    executable: bool = False


@dataclass(frozen=True)
class Stored:
    """Files that stand together in one directory of the phone's store."""

    key: str
    pushed_bytes: int

    @property
    def directory(self) -> str:
        """Where they are."""
        return f"{STORE}/{self.key}"

    def __truediv__(self, name: str) -> str:
        return f"{self.directory}/{name}"


def store(link: Link, cargo: Sequence[Cargo], in_use: frozenset[str] = frozenset()) -> Stored:
    """Have `cargo` in a directory of its own in the phone's store; what is there with the right hash is not pushed.

    Args:
        in_use: keys of what must stay where room has to be made.

    Raises:
        PushFailed: the phone refused a file, or it arrived changed.
        DeviceUnsuitable: there is no room for it.
        DeviceLost, DeviceHung: see `Link`.
    """
    key = hashlib.sha256("\n".join(f"{item.sha256} {item.name}" for item in cargo).encode()).hexdigest()
    directory = f"{STORE}/{key}"
    there = _hashes(link, directory, [item.name for item in cargo])
    missing = [item for item in cargo if not _same(item.path, item.sha256, there.get(item.name))]
    size = sum(item.path.stat().st_size for item in missing)
    if missing:
        make_room(link, size, free_space_kb(link), in_use | {key})
        link.run(("mkdir", "-p", directory))
    for item in missing:
        _push(link, directory, item)
    return Stored(key, size)


def _push(link: Link, directory: str, item: Cargo) -> None:
    part, mode = f"{item.name}.part", 0o755 if item.executable else 0o644
    deadline = START_S + SECONDS_PER_MB * item.path.stat().st_size / 1e6
    try:
        link.push(item.path, f"{directory}/{part}", mode=mode, deadline_s=deadline)
    except PushFailed:      # what there is of it would only take the room that is wanting
        link.run(("rm", "-f", f"{directory}/{part}"))
        raise
    if not _same(item.path, item.sha256, _hashes(link, directory, [part]).get(part)):
        link.run(("rm", "-f", f"{directory}/{part}"))
        raise PushFailed(f"{item.name} did not arrive whole on {link.serial}",
                         "the phone's hash of it is another than ours", "try again; another cable or port may help")
    settled = link.run(("sh", "-c", SETTLE, "sh", directory, item.name, f"{mode:o}"))
    if settled.status:
        raise PushFailed(f"{item.name} cannot be put in its place on {link.serial}",
                         settled.said,
                         f"look at it: adb -s {link.serial} shell ls -la {directory}")


def _hashes(link: Link, directory: str, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """For each file that is there, which hash the phone made and its value."""
    told = link.run(("sh", "-c", HASHES, "sh", directory, *names), deadline_s=60.0).text.splitlines()
    found = [line.split(maxsplit=2) for line in told]
    return {words[2].removeprefix("*"): (words[0], words[1]) for words in found if len(words) == 3}


def _same(path: Path, sha256: str, told: tuple[str, str] | None) -> bool:
    if told is None:
        return False
    if told[0] == "sha256":
        return told[1] == sha256
    with path.open("rb") as file:       # against accidents on the way, not against attackers
        return told[1] == hashlib.file_digest(file, "md5").hexdigest()
