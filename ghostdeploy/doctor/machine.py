"""What measuring a phone needs on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ghostdeploy.cache import cache_root
from ghostdeploy.device.adb import launch, server_address
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.usb_visible import visible
from ghostdeploy.device.android import programs, store, zig
from ghostdeploy.device.android.pinned import ABIS, Abi, RuntimeName
from ghostdeploy.doctor.check import Check
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.phone_errors import AdbProblem
from ghostdeploy.registry import npm

RUNTIMES: tuple[RuntimeName, ...] = ("executorch", "tflite")
WANTED_MB = 200         # both packages with their libraries for both ABIs take 130 MB in the cache
SERVER_S = 5.0
RULES = (Path("/etc/udev/rules.d"), Path("/lib/udev/rules.d"), Path("/usr/lib/udev/rules.d"))
FETCH = "ghostdeploy doctor --fetch"


def checks() -> Iterator[Check]:
    """Everything, in the order in which it is needed."""
    yield adb()
    yield keys()
    if sys.platform == "linux":
        yield udev()
    yield cache()
    for name in RUNTIMES:
        yield runtime(name)
    yield runner()


def adb() -> Check:
    """A server, or a client that can start one, or neither: then adb-shell talks to the phone itself."""
    try:
        where = server_address.address()
        if launch.running(where, Deadline.after(SERVER_S)):
            return Check("adb", "ok", f"its server answers at {where}")
        program = launch.client()
    except AdbProblem as error:
        return Check("adb", "problem", f"{error.what}: {error.why}", error.next)
    if program is not None:
        return Check("adb", "ok", f"{program}; its server will be started when it is needed")
    return Check("adb", "remark", "not installed: phones are reached directly, paired ones over Wi-Fi not at all",
                 launch.INSTALL)


def keys() -> Check:
    """The key by which phones know this computer; adb or we make it when it is first needed."""
    key = Path.home() / ".android" / "adbkey"
    if not key.exists():
        return Check("keys", "ok", "none yet: one is made with the first phone, which will ask whether to trust it")
    if not os.access(key, os.R_OK):
        return Check("keys", "problem", f"{key} cannot be read", f"sudo chown $USER {key}")
    if key.stat().st_mode & 0o077:
        return Check("keys", "remark", f"others on this machine can read {key}, and with it debug your phones",
                     f"chmod 600 {key}")
    return Check("keys", "ok", str(key))


def udev() -> Check:
    """Rules that let users open Android phones on USB; root needs none, and neither does the network."""
    if os.geteuid() == 0 or not visible():
        return Check("udev", "ok", "not needed: " + ("this is root" if os.geteuid() == 0 else "nothing is on USB"))
    if any(path for folder in RULES if folder.is_dir() for path in folder.glob("*android*")):
        return Check("udev", "ok", "rules for Android phones are installed")
    return Check("udev", "remark", "no rules for Android phones: opening one on USB may be refused",
                 "sudo apt-get install android-sdk-platform-tools-common && sudo usermod -aG plugdev $USER")


def cache() -> Check:
    """The directory where runtimes are kept."""
    root = cache_root()
    there = next(place for place in (root, *root.parents) if place.exists())
    if not os.access(there, os.W_OK):
        return Check("cache", "problem", f"{there} cannot be written", "set GHOSTDEPLOY_CACHE to a directory of yours")
    free_mb = shutil.disk_usage(there).free // 1_000_000
    if free_mb < WANTED_MB:
        return Check("cache", "problem", f"{root}: {free_mb} MB free, and {WANTED_MB} are wanted",
                     "free some space, or set GHOSTDEPLOY_CACHE to another disk")
    return Check("cache", "ok", f"{root}, {free_mb} MB free")


def runtime(name: RuntimeName) -> Check:
    """The Android library of one runtime: here already, or can it be fetched?"""
    here = [abi for abi in ABIS if store.cached(name, abi)]
    if len(here) == len(ABIS):
        return Check(f"runtime-{name}", "ok", f"in the cache for {' and '.join(here)}")
    try:
        npm.client()
    except GhostdeployError as error:
        return Check(f"runtime-{name}", "problem", error.what, error.next)
    return Check(f"runtime-{name}", "remark", "not in the cache: npm fetches it when it is first needed", FETCH)


def runner() -> Check:
    """The benchmark programs: shipped, built, or can they be?"""
    missing = [abi for abi in ABIS if not programs.ready(abi)]
    if not missing:
        return Check("runner", "ok", f"the benchmark programs for {' and '.join(ABIS)} are at hand")
    try:
        zig.zig(missing[0])
    except GhostdeployError as error:
        return Check("runner", "problem", f"{error.what}: {error.why}", error.next)
    return Check("runner", "remark", f"the benchmark programs for {' and '.join(missing)} are built when first needed",
                 FETCH)


def fetch(abis: tuple[Abi, ...] = ABIS) -> None:
    """Fetch and build everything that a phone needs, so that no network is needed later.

    Raises:
        FetchFailed, RunnerMissing, WriteFailed: see `store` and `programs`.
    """
    for abi in abis:
        for name in RUNTIMES:
            store.runtime_library(name, abi)
            programs.phone_program(name, abi)
