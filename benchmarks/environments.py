"""The interpreters of peers that cannot live in the base environment: `.venv-NAME`, which `make` sets up.

Each stands on top of the base environment (a .pth file names it), so that a peer's own packages are all that it adds,
and torch, the models and this package are the same for all.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.peers import Peer

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Missing:
    """Why a peer cannot run here; a sentence for the table."""

    why: str


@dataclass(frozen=True)
class Ready:
    """An interpreter that has a peer's packages, and the version of each."""

    python: Path
    versions: dict[str, str]

    def words(self, packages: tuple[str, ...]) -> str:
        """`name version, ...`"""
        return ", ".join(f"{package} {self.versions[package]}" for package in packages)


def interpreter(peer: Peer) -> Ready | Missing:
    """The interpreter for `peer`."""
    packages = tuple(dict.fromkeys((*peer.makers, *peer.runners)))
    if peer.environment is None:
        return _asked(Path(sys.executable), packages)
    python = ROOT / f".venv-{peer.environment}" / "bin" / "python"
    if not python.exists():
        return Missing(f"its environment is not set up (make .venv-{peer.environment}/.ready)")
    return _asked(python, packages)


@cache
def _asked(python: Path, packages: tuple[str, ...]) -> Ready | Missing:
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]), sep='\\n')"
    done = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        return Missing(f"its packages are not all installed: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")
    return Ready(python, dict(zip(packages, done.stdout.split(), strict=True)))
