"""What the phone's root is made of: Debian packages, fetched by apt and only unpacked.

The archive is the machine's own, as its apt configuration names it; only the suite changes. apt checks the archive's
signature and each package's SHA256 from the signed index before it keeps a file.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

SUITE = "trixie"        # the first Debian with an adbd package; 34.0.5 speaks shell_v2, stat_v2, ls_v2, sendrecv_v2
WANTED = ("adbd", "mksh", "toybox", "busybox")
SUMS = "SHA256SUMS"


def debs(directory: Path) -> list[Path]:
    """The packages and all that they depend on, in `directory`; fetched where it does not hold them whole."""
    if not _whole(directory):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for path in _fetch(directory / "apt"):
            path.rename(directory / path.name)
        shutil.rmtree(directory / "apt")
        found = sorted(directory.glob("*.deb"))
        (directory / SUMS).write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in found))
    return sorted(directory.glob("*.deb"))


def key() -> str:
    """Names the set of packages."""
    return hashlib.sha256(f"{SUITE} {WANTED}".encode()).hexdigest()[:12]


def _fetch(state: Path) -> list[Path]:
    """With a private apt state: the machine's own package database is neither read nor changed."""
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True)
    uri, keyring = _own_archive()
    signed = f"[signed-by={keyring}] " if keyring else ""
    (state / "sources.list").write_text(f"deb {signed}{uri} {SUITE} main\n")
    (state / "status").touch()
    options = {"Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
               "Dir::Etc::preferencesparts": "/dev/null", "Dir::State::lists": state / "lists",
               "Dir::Cache": state / "cache", "Dir::State::status": state / "status", "Debug::NoLocking": "1",
               "APT::Install-Recommends": "0", "APT::Sandbox::User": "root"}
    apt = ["apt-get", "-q", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    for words in (["update"], ["-y", "--download-only", "install", *WANTED]):
        ended = subprocess.run([*apt, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert ended.returncode == 0, f"apt-get {words[0]} of {SUITE}: {ended.stderr[-2000:]}"
    return sorted((state / "cache/archives").glob("*.deb"))


def _own_archive() -> tuple[str, str]:
    """(URI, keyring) of this machine's main Debian archive."""
    release = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())
    assert release, "the phone's root is built from the machine's Debian archive; this is no Debian"
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in (path for path in files if path.is_file()):
        text = path.read_text()
        if path.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", text):
                fields = {name.lower(): value.strip() for name, value in re.findall(r"^(\w[\w-]*):(.*)$", stanza, re.M)}
                if release[1] in fields.get("suites", "").split() and fields.get("enabled", "yes") != "no":
                    return fields["uris"].split()[0], fields.get("signed-by", "")
        for options, uri, suite in re.findall(r"^deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)", text, re.M):
            if suite == release[1]:
                keyring = re.search(r"signed-by=(\S+)", options)
                return uri, keyring[1] if keyring else ""
    raise AssertionError(f"no archive of {release[1]} in /etc/apt")


def _whole(directory: Path) -> bool:
    try:
        lines = [line.split() for line in (directory / SUMS).read_text().splitlines()]
        return bool(lines) and all(_sha256(directory / name) == sha256 for sha256, name in lines)
    except (OSError, ValueError):
        return False


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
