"""The test phone (tests/phone) reached through its shell, without adb in between: quick, and the same commands."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ghostdeploy.device.adb.link import QUICK_S, Completed, Stat
from ghostdeploy.phone_errors import PullFailed, PushFailed
from tests.conditions.open_shell import OpenShell
from tests.phone import root
from tests.phone.machine import Machine

ALLOWED = ("EMULATOR", "OTHER_LOAD")    # the test phone is an emulated one, on a machine that does other things too


class ShellLink:
    """A `Link`; `directory` is the phone's half that tests may edit."""

    serial, transport, over_network, features = "test-phone", "nsenter", False, frozenset({"shell_v2"})

    def __init__(self, machine: Machine, directory: Path) -> None:
        self.machine, self.directory = machine, directory
        self._open = OpenShell(machine.inside("exec sh"))

    def state(self, name: str) -> Path:
        """A file of the phone's state, see tests/phone/README.md."""
        return self.directory / root.STATE / name

    def as_new(self) -> None:
        """Everything as on a phone that lies on a desk: asleep, locked without a secret, battery saver on."""
        for path in sorted((root.HERE / "state").rglob("*")):
            if path.is_file():
                self.state(str(path.relative_to(root.HERE / "state"))).write_bytes(path.read_bytes())
        self.state("wakefulness").write_text("Asleep\n")
        self.state("keyguard").write_text("showing=true\nsecure=false\n")
        self.edit("settings/global", "low_power=0", "low_power=1")
        self.run(("rm", "-rf", "/data/local/tmp/ghostdeploy"))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a piece of a file of the phone's state."""
        text = self.state(name).read_text()
        assert old in text, f"{old} is not in {name}"
        self.state(name).write_text(text.replace(old, new))

    def settings(self) -> dict[str, str]:
        """Everything that can be changed on the phone, but for apps, which can't be put back."""
        names = ("props", "settings/global", "settings/secure", "settings/system", "wakefulness", "keyguard",
                 "fixed_performance", "battery", "thermalservice")
        return {name: "\n".join(sorted(self.state(name).read_text().split("\n"))) for name in names}

    def changed_by(self) -> list[str]:
        """Every command so far that changed something, in order."""
        return self.state("commands.log").read_text().splitlines()

    def left_behind(self) -> list[str]:
        """Files under /data/local/tmp that nobody should find there."""
        return sorted(str(path) for path in (self.directory / "data/local/tmp").rglob("*") if path.is_file())

    def run(self, words: Sequence[str], *, deadline_s: float = QUICK_S) -> Completed:
        """See `Link.run`."""
        return self._open.run(shlex.join(words), deadline_s)

    def push(self, source: bytes | Path, path: str, *, mode: int = 0o644, deadline_s: float) -> None:
        """See `Link.push`."""
        data = source if isinstance(source, bytes) else source.read_bytes()
        line = f"cat >{shlex.quote(path)} && chmod {mode:o} {shlex.quote(path)}"
        done = subprocess.run(self.machine.inside(line), input=data, capture_output=True, timeout=deadline_s)
        if done.returncode:
            raise PushFailed(f"cannot write {path}", done.stderr.decode())

    def pull(self, path: str, *, deadline_s: float, most: int = 256 << 20) -> bytes:
        """See `Link.pull`."""
        done = self.run(("cat", path), deadline_s=deadline_s)
        if done.status:
            raise PullFailed(f"cannot read {path}", done.said)
        return done.out[:most]

    def stat(self, path: str, *, deadline_s: float = QUICK_S) -> Stat | None:
        """See `Link.stat`."""
        done = self.run(("stat", "-c", "%f %s", path), deadline_s=deadline_s)
        return Stat(int(done.text.split()[0], 16), int(done.text.split()[1])) if done.status == 0 else None

    def reconnect(self, deadline_s: float) -> None:
        """See `Link.reconnect`."""

    def close(self) -> None:
        """See `Link.close`."""
        self._open.close()


@contextmanager
def phone() -> Iterator[ShellLink]:
    """A phone of its own, switched on."""
    with root.fresh() as directory, Machine(directory) as machine:
        link = ShellLink(machine, directory)
        yield link
        link.close()


class Patience:
    """A clock whose sleepers do not sleep; `at` are moments at which something happens to the phone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """See `Clock.sleep`."""
        self.slept.append(seconds)
        self.now += seconds


class Heard:
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        self.stages.append(name)

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        self.notes.append(text)
