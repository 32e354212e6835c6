"""The root is built again without a network from packages that are there, and they are checked first."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.phone import packages, root

BUILD = "from pathlib import Path; from tests.phone import root; root.BUILD = Path({!r}); print(root.base())"

# Compiled here, with paths of scratch folders inside.
COMPILED = {*(f"system/lib64/{name}.so" for name in ("libc", "libm", "libdl", "liblog", "libhosted")),
            "usr/lib/phone/preload.so"}


def tree(directory: Path) -> dict[str, str]:
    """What every path below `directory` is: a link's target, a file's mode and hash."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


def test_built_again_offline(tmp_path: Path) -> None:
    kept = root.base()
    name = f"debs-{packages.key()}"
    shutil.copytree(root.BUILD / name, tmp_path / name)
    ended = subprocess.run(["unshare", "--map-root-user", "--net", sys.executable, "-c", BUILD.format(str(tmp_path))],
                           capture_output=True, text=True, cwd=root.HERE.parents[1])
    assert ended.returncode == 0, ended.stderr[-2000:]
    again = Path(ended.stdout.strip())
    assert again == tmp_path / kept.name
    built, before = tree(again), tree(kept)
    assert built.keys() == before.keys()
    differing = {name for name in built if built[name] != before[name]}
    assert differing <= COMPILED
    assert {"system/bin/linker64", "system/bin/sh", *COMPILED} <= built.keys()


def test_a_damaged_package_is_not_used(tmp_path: Path) -> None:
    """It is fetched again, which fails here for want of a network."""
    name = f"debs-{packages.key()}"
    root.base()
    shutil.copytree(root.BUILD / name, tmp_path / name)
    damaged = next((tmp_path / name).glob("adbd_*.deb"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    ended = subprocess.run(["unshare", "--map-root-user", "--net", sys.executable, "-c", BUILD.format(str(tmp_path))],
                           capture_output=True, text=True, cwd=root.HERE.parents[1])
    assert ended.returncode != 0 and "apt-get" in ended.stderr
    assert not list(tmp_path.glob("root-*"))
