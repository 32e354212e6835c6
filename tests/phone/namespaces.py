"""Entering the phone: namespaces of its own, its root directory, its uid.

    python -ESs namespaces.py BASE DIRECTORY PROGRAM [WORD ...]     # run one program there, end with its status

A script for the standard library alone: it runs before anything else is there. BASE is the shared root, DIRECTORY the
phone's own half (`tests.phone.root`).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 8, 32, 4096, 16384, 1 << 19
KEPT_FLAGS = {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_RELATIME: 1 << 21}
PR_SET_PDEATHSIG = 1
ROOM_AT = "data/local/tmp"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

SHELL_UID = 2000
SHELL_GROUPS = (1004, 1007, 1011, 1015, 1028, 3001, 3002, 3003, 3006, 3009, 3011)    # of adbd's shell, Android 14
ENVIRONMENT = {
    "PATH": "/product/bin:/apex/com.android.runtime/bin:/system_ext/bin:/system/bin:/system/xbin:/vendor/bin",
    "ANDROID_DATA": "/data", "ANDROID_ROOT": "/system", "ANDROID_STORAGE": "/storage", "EXTERNAL_STORAGE": "/sdcard",
    "TMPDIR": "/data/local/tmp", "HOME": "/", "SHELL": "/bin/sh", "USER": "shell", "LOGNAME": "shell",
    "HOSTNAME": "emu64a", "LD_PRELOAD": "/usr/lib/phone/preload.so"}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    _checked(_libc.mount(source.encode(), bytes(target), kind.encode() or None, flags, options.encode() or None),
             f"mount {source} on {target}")


def enter(base: Path, directory: Path, first: Callable[[], NoReturn], room: int = 0) -> int:
    """Run `first` as process 1 of a new phone and wait for its end; the wait status. It dies with this process.

    `room` bytes is what `/data/local/tmp` holds; 0 for as much as this machine's disk.
    """
    mapper_done = _map_users_of(os.getpid())
    _checked(_libc.unshare(NEWUSER | NEWNS | NEWPID | NEWNET | NEWUTS | NEWIPC), "unshare")
    mapper_done()
    child = os.fork()
    if child == 0:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        socket.sethostname("localhost")
        _loopback_up()
        _mounts(base, directory, room)
        os.chroot(directory / "root")
        os.chdir("/")
        first()
    return os.waitpid(child, 0)[1]


def _map_users_of(process: int) -> Callable[[], None]:
    """Get ready to map users once `process` has its user namespace: all of them for root, the one user otherwise."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        root = os.geteuid() == 0
        uid, gid = ("0 0 65536", "0 0 65536") if root else (f"0 {os.getuid()} 1", f"0 {os.getgid()} 1")
        if not root:
            Path(f"/proc/{process}/setgroups").write_text("deny")
        Path(f"/proc/{process}/gid_map").write_text(gid)
        Path(f"/proc/{process}/uid_map").write_text(uid)
        os._exit(0)
    os.close(read)

    def done() -> None:
        os.close(write)
        if os.waitpid(child, 0)[1] != 0:
            raise OSError("cannot map users into the phone's namespace")

    return done


def _loopback_up() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))     # SIOCSIFFLAGS, IFF_UP


def _mounts(base: Path, directory: Path, room: int) -> None:
    root = directory / "root"
    _mount("none", Path("/"), flags=MS_REC | MS_SLAVE)
    _mount(str(base), root, flags=MS_BIND)
    has = os.statvfs(root).f_flag
    keep = sum(flag for bit, flag in KEPT_FLAGS.items() if has & bit)
    _mount("none", root, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | keep)
    _mount(str(directory / "sys"), root / "sys", flags=MS_BIND)
    _mount("proc", root / "proc", "proc")
    for path in (directory / "proc").rglob("*"):
        if path.is_file():
            _mount(str(path), root / "proc" / path.relative_to(directory / "proc"), flags=MS_BIND)
    _devices(root)
    _mount("tmpfs", root / "sdcard", "tmpfs", MS_NOEXEC, "mode=777")
    _mount(str(directory / "data"), root / "data", flags=MS_BIND)      # last: df names the last mount of a disk
    if room:
        _mount("tmpfs", root / ROOM_AT, "tmpfs", 0, f"size={room},mode=771,uid={SHELL_UID},gid={SHELL_UID}")


def _devices(root: Path) -> None:
    _mount("tmpfs", root / "dev", "tmpfs", 0, "mode=755")
    for name in DEVICES:
        (root / "dev" / name).touch()
        _mount(f"/dev/{name}", root / "dev" / name, flags=MS_BIND)
    (root / "dev/pts").mkdir()
    _mount("devpts", root / "dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=600")
    (root / "dev/ptmx").symlink_to("pts/ptmx")
    for link, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                         ("stderr", "/proc/self/fd/2")):
        (root / "dev" / link).symlink_to(target)


def become_shell() -> None:
    """Take the uid of adb's shell, where this process may."""
    if Path("/proc/self/uid_map").read_text().split()[2] != "1":
        os.setgroups(SHELL_GROUPS)
        os.setgid(SHELL_UID)
        os.setuid(SHELL_UID)


def execute(words: list[str]) -> NoReturn:
    """Become the program `words` as the shell user."""
    become_shell()
    os.execve(words[0], words, ENVIRONMENT)


def _run_one(words: list[str]) -> NoReturn:
    """Process 1 that runs one program, and takes its status."""
    child = os.fork()
    if child == 0:
        execute(words)
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


if __name__ == "__main__":
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    sys.exit(os.waitstatus_to_exitcode(enter(Path(sys.argv[1]), Path(sys.argv[2]), lambda: _run_one(sys.argv[3:]))))
