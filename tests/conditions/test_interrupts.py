"""Ctrl-C, SIGTERM and SIGHUP around something that must be put back."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ghostdeploy.device.phone.interrupts import Interrupts
from tests.conditions.shell_link import Heard

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_only_the_first_one_is_raised() -> None:
    progress, steps = Heard(), []
    with pytest.raises(KeyboardInterrupt), Interrupts(progress):
        try:
            press()
            pytest.fail("it was not raised")
        finally:
            press()
            press()
            steps.append("put back")
    assert steps == ["put back"] and len(progress.notes) == 1


def test_one_that_was_held_is_raised_afterwards() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), Interrupts(Heard()) as interrupts:
        interrupts.hold()
        press()
        steps.append("put back")
    assert steps == ["put back"]


def test_another_error_is_not_hidden_by_one_that_was_held() -> None:
    with pytest.raises(ValueError, match="worse"), Interrupts(Heard()) as interrupts:
        interrupts.hold()
        press()
        raise ValueError("worse")


@pytest.mark.parametrize("number", ENDING)
def test_the_handler_of_before_is_there_again(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts(Heard()):
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


def test_another_thread_has_no_signals_to_hold() -> None:
    done = []

    def work() -> None:
        with Interrupts(Heard()) as interrupts:
            interrupts.hold()
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert done == [True]


# What ends a process for certain cannot be tried in this one.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from ghostdeploy.device.phone.interrupts import Interrupts

class Terminal:
    def note(self, text):
        os.write(2, text.encode())

with Interrupts(Terminal()) as interrupts:
    try:
        print("changed", flush=True)
        {work}
    finally:
        interrupts.hold()
        os.kill(os.getpid(), signal.{later})
        os.kill(os.getpid(), signal.{later})
        Path(sys.argv[1]).write_text("put back")
"""


def program(work: str, later: signal.Signals, note: Path) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(work=work, later=later.name), str(note)]


@pytest.mark.parametrize("later", ENDING)
@pytest.mark.parametrize("first", ENDING)
def test_each_stops_the_work_and_none_the_putting_back(first: signal.Signals, later: signal.Signals,
                                                       tmp_path: Path) -> None:
    note = tmp_path / "note"
    done = subprocess.run(program(f"os.kill(os.getpid(), signal.{first.name})", later, note), capture_output=True,
                          text=True, timeout=60)
    assert note.read_text() == "put back"
    assert "KeyboardInterrupt" in done.stderr and done.stderr.count("a moment") == 1


def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    """The kernel sends SIGHUP, and from then on nothing can be written to the terminal."""
    note = tmp_path / "note"
    child, terminal = pty.fork()
    if child == 0:
        words = program("signal.pause()", signal.SIGTERM, note)
        os.execv(words[0], words)
    assert b"changed" in os.read(terminal, 100)
    os.close(terminal)
    os.waitpid(child, 0)
    assert note.read_text() == "put back"


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts(Heard()):
            press(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", ENDING)
def test_the_command_unwinds(number: signal.Signals) -> None:
    work = f"import ghostdeploy.cli as c, os; c._run = lambda: os.kill(os.getpid(), {int(number)}); c.main()"
    done = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130 and "[interrupted]" in done.stderr
