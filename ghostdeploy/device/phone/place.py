"""Our directory on a phone. Nothing outside it is ever written, and only what lies below it is ever removed.

    /data/local/tmp/ghostdeploy/
        store/HASH/     a program with its libraries, or an artifact; kept, so that it is pushed once (deploy.py)
        runs/NAME/      one process: its inputs and what it left; removed when it ended (runs.py)
        lock            which computer is at work on the phone (claim.py)
        journal.json    what was changed, until it is put back (journal.py)
"""

from __future__ import annotations

import re

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone import space
from ghostdeploy.phone_errors import DeviceUnsuitable

ROOT = "/data/local/tmp/ghostdeploy"    # adb's user may write and execute here on every phone; /sdcard is noexec
STORE, RUNS = f"{ROOT}/store", f"{ROOT}/runs"
MARGIN_KB = 32 << 10                    # left free for the phone and for what the runner writes
HASH = re.compile(r"[0-9a-f]{64}")
FREE = 'mkdir -p "$1" && df -k "$1"'


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
        if name not in keep and HASH.fullmatch(name):
            link.run(("rm", "-rf", f"{STORE}/{name}"))
    free_kb = free_space_kb(link)
    if free_kb is not None and free_kb < wanted_kb:
        raise DeviceUnsuitable(f"{link.serial} has {free_kb >> 10} MiB free, and {wanted_kb >> 10} MiB are needed",
                               "the benchmark, its runtime and the model are copied to /data/local/tmp",
                               "free some space on the phone")


def free_space_kb(link: Link) -> int | None:
    """Free space where our directory is, in kB; None where the phone does not tell in a form that we know."""
    return space.free_kb(link.run(("sh", "-c", FREE, "sh", ROOT)).text)
