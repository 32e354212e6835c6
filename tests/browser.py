"""Debian's chromium, headless: what a page becomes in a real browser, and what it complains about."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CONSOLE = ":CONSOLE"        # how chromium marks what a page says on its console, errors of its own policy included


@dataclass(frozen=True)
class Rendered:
    """The document after loading, and every line of the console."""

    dom: str
    console: tuple[str, ...]


def chromium() -> str:
    """The program; tests of pages skip without it, and fail in CI, which installs it."""
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI"):
        pytest.fail("chromium is missing: apt-get install chromium")
    if found is None:
        pytest.skip("chromium is missing: apt-get install chromium")
    return found


def rendered(page: Path, *options: str) -> Rendered:
    """Load `page` from disk, without any network."""
    ended = subprocess.run(
        [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--enable-logging=stderr", "--v=0", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={page.parent / 'profile'}", *options,
         "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return Rendered(ended.stdout, tuple(line for line in ended.stderr.splitlines() if CONSOLE in line))
