"""One test phone, its fake adbd, and short benchmarks of it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone import place
from ghostdeploy.device.phone.device import PhoneDevice, opened
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.progress import SILENT, Progress
from tests.adb.fake import FakePhone, Fault
from tests.adb.ways import direct
from tests.conditions.shell_link import ALLOWED, ShellLink

NO_WARM_UP = WarmUpRule(max_ns=0)
SHORT = Protocol(runs=3, rounds=1, warm_up=NO_WARM_UP)
LONG = Protocol(runs=2000, rounds=1, warm_up=NO_WARM_UP)      # tens of seconds under qemu: time to do something to it
WILLING = Wishes(allow=ALLOWED, confirm=lambda packages: True)
PATIENCE_S = 30.0


class Bench:
    """The phone's `desk` is where its state can be edited; `adbd` is told what to do wrong."""

    def __init__(self, desk: ShellLink) -> None:
        self.desk = desk
        self.adbd = FakePhone(desk.machine.directory_inside, run=desk.machine.inside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.adbd.stop()

    def device(self) -> AbstractContextManager[PhoneDevice]:
        """The phone as `--device` gives it, over a connection of its own."""
        return opened(direct(self.adbd))

    def measure(self, *subjects: Subject, protocol: Protocol = SHORT, wishes: Wishes = WILLING,
                progress: Progress = SILENT) -> list[Result]:
        """A benchmark as `ghostdeploy bench` makes it."""
        with self.device() as device:
            return measure(subjects, device, protocol, progress, wishes)

    def fail(self, *faults: Fault) -> None:
        """From now on these happen."""
        for fault in faults:
            self.adbd.inject(fault)

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self.adbd.heal()

    def shell(self, command: str) -> str:
        """Run a command on the phone, past adbd."""
        return subprocess.run(self.desk.machine.inside(command), capture_output=True, text=True, check=False).stdout

    def runs_left(self) -> str:
        """What lies in the directory of runs."""
        return self.shell(f"ls {place.RUNS} 2>/dev/null")

    def runners(self) -> str:
        """Processes of benchmark programs."""
        return self.shell("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep gd_runner"
                          " | grep -v 'for p'; done")

    @contextmanager
    def meanwhile(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        """Do something as soon as a benchmark program runs on the phone."""
        failed: list[BaseException] = []

        def watch() -> None:
            try:
                until(lambda: "stage: timed runs" in self.shell(f"cat {place.RUNS}/*/log 2>/dev/null"))
                act()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            thread.join(PATIENCE_S)
        assert not failed and not thread.is_alive(), failed


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    give_up = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


def without(wishes: Wishes, *names: str) -> Wishes:
    """The wishes without leave for these findings."""
    return replace(wishes, allow=tuple(name for name in wishes.allow if name not in names))


def words(results: Sequence[Result]) -> str:
    """All reasons of all results."""
    return " ".join(reason.text for result in results for reason in result.summary.reasons)
