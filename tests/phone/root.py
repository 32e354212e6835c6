"""The phone's root directory: Debian's programs and libraries in Android's places, and the scripted framework.

    build/phone/debs-KEY    packages as fetched      build/phone/root-KEY    the root, read-only to phones

KEY is a hash of what the root is made from, so a changed builder builds again; with the packages there, without a
network. What a phone can write (`/data`), its /sys, and the few files of /proc that are not the namespace's own lie in
a directory of each phone, which `fill` fills.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.phone import arm64, cores, packages

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build/phone"
SHELL_UID = 2000
X86_LIBRARIES = "usr/lib/x86_64-linux-gnu"
ADBD = "usr/lib/android-sdk/platform-tools/adbd"
STATE = "data/misc/phone"
UNUSED_S = 86400.0      # another session may be running phones with the root of an earlier builder

# What Android 14 links to toybox in /system/bin, as far as it matters to a shell script ...
TOYBOX = frozenset((HERE / "toybox.txt").read_text().split())
# ... and what Debian's toybox 0.8.9 lacks of it (or, like awk, is a program of its own there).
BUSYBOX = ("awk", "bc", "dd", "diff", "expr", "getopt", "more", "stty", "tr", "vi")


@cache
def base() -> Path:
    """The root that all phones share, built if this machine does not have it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    root = BUILD / f"root-{_key()}"
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            for old in BUILD.glob("root-*"):
                if time.time() - old.stat().st_mtime > UNUSED_S:
                    shutil.rmtree(old)
            scratch = Path(tempfile.mkdtemp(prefix="part-", dir=BUILD))
            try:
                _build(scratch, packages.debs(BUILD / f"debs-{packages.key()}"))
                scratch.chmod(0o755)
                scratch.rename(root)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        os.utime(root)
    return root


@contextmanager
def fresh() -> Iterator[Path]:
    """The changeable half of a new phone, in a directory that vanishes afterwards."""
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-phone-") as name:
        directory = Path(name)
        fill(directory)
        yield directory


def fill(directory: Path) -> None:
    """Put a new phone's /data, /sys and own files of /proc into the empty `directory`."""
    directory.chmod(0o755)
    shutil.copytree(HERE / "state", directory / STATE)
    for name in ("data/local/tmp", "data/app", "root"):
        (directory / name).mkdir(parents=True)
    cores.sys_files(directory / "sys")
    cores.proc_files(directory / "proc")
    if os.geteuid() == 0:
        for path in (directory / "data/local/tmp", directory / STATE, *(directory / STATE).rglob("*")):
            os.chown(path, SHELL_UID, SHELL_UID)
    (directory / "data/local/tmp").chmod(0o771)


def inside(directory: Path, command: str) -> list[str]:
    """What runs `command` in the shell of the phone whose half is `directory`, in pid and mount namespaces of its own.

    All that it starts ends with it: background processes need a phone that stays (`tests.phone.machine.Machine`).
    """
    return [sys.executable, "-ESs", str(HERE / "namespaces.py"), str(base()), str(directory), "/system/bin/sh", "-c",
            command]


def _key() -> str:
    digest = hashlib.sha256(packages.key().encode())
    own = [HERE / name for name in ("root.py", "packages.py", "arm64.py", "preload.c", "toybox.txt")]
    for path in sorted(path for path in (*own, *(HERE / "system").rglob("*"), *arm64.sources()) if path.is_file()):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _build(root: Path, debs: list[Path]) -> None:
    unpacked = root / "unpacked"
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, unpacked], check=True)
    for place in (X86_LIBRARIES, "usr/lib64", "usr/lib/android-sdk"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / place).rename(root / place)
    shutil.copytree(HERE / "system", root / "system")
    binaries = root / "system/bin"
    for name, program in (("sh", "mksh"), ("toybox", "toybox"), ("busybox", "busybox")):
        (unpacked / "usr/bin" / program).rename(binaries / name)
    shutil.rmtree(unpacked)
    for name in ("data", "dev", "proc", "sys", "sdcard", "usr/lib/phone"):
        (root / name).mkdir()
    for link, target in (("bin", "/system/bin"), ("etc", "/system/etc"), ("lib", "usr/lib"), ("lib64", "usr/lib64")):
        (root / link).symlink_to(target)
    arm64.install(root)
    for name in TOYBOX & _applets(root):
        (binaries / name).symlink_to("toybox")
    for name in BUSYBOX:
        (binaries / name).symlink_to("busybox")


def _applets(root: Path) -> frozenset[str]:
    """What this toybox is built with."""
    loader, libraries = root / "usr/lib64/ld-linux-x86-64.so.2", root / X86_LIBRARIES
    said = subprocess.run([loader, "--library-path", libraries, root / "system/bin/toybox"], check=True,
                          capture_output=True, text=True)
    return frozenset(said.stdout.split())
