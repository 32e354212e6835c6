"""Running `ghostdeploy` as a user does: a process of its own, real exit codes, real streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """stdout as the one JSON document that `--json` promises."""
        return json.loads(self.stdout)

    def assert_clean_error(self, code: str, exit_code: int) -> None:
        """One clear message with its code, and no traceback."""
        assert self.code == exit_code, (self.code, self.stderr)
        assert f"[{code}]" in self.stderr, self.stderr
        assert "Traceback" not in self.stderr + self.stdout
        assert self.stdout == ""


def environment(**extra: str) -> dict[str, str]:
    """The environment of a command: the repository is importable, as `tests.tiny:factory` needs."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **extra}


def start(*arguments: str | Path, cwd: Path | None = None, **extra: str) -> subprocess.Popen[str]:
    """Start `ghostdeploy` without waiting."""
    return subprocess.Popen([sys.executable, "-m", "ghostdeploy", *map(str, arguments)], cwd=cwd, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**extra))


def ghostdeploy(*arguments: str | Path, cwd: Path | None = None, timeout: float = 300, **extra: str) -> Ended:
    """Run `ghostdeploy` to its end."""
    process = start(*arguments, cwd=cwd, **extra)
    stdout, stderr = process.communicate(timeout=timeout)
    return Ended(process.returncode, stdout, stderr)
