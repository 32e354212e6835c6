"""Debian's chromium, headless: what a page becomes in a real browser, and what it complains about."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.missing import missing

CONSOLE = ":CONSOLE"        # how chromium marks what a page says on its console, errors of its own policy included


@dataclass(frozen=True)
class Rendered:
    """The document after loading, and every line of the console."""

    dom: str
    console: tuple[str, ...]


def chromium() -> str:
    """The program."""
    return shutil.which("chromium") or missing("chromium is missing: apt-get install chromium")


def rendered(page: Path, *options: str) -> Rendered:
    """Load `page` from disk, without any network."""
    ended = _run(page, "--dump-dom", *options)
    return Rendered(ended.stdout, tuple(line for line in ended.stderr.splitlines() if CONSOLE in line))


def screenshot(page: Path, *options: str) -> Image.Image:
    """What a window of 1000x800 shows of `page`."""
    target = page.with_suffix(".png")
    _run(page, f"--screenshot={target}", "--window-size=1000,800", "--hide-scrollbars", *options)
    return Image.open(target).convert("L")


def _run(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--enable-logging=stderr", "--v=0", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True)
