"""Ctrl-C around something that must be put back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from ghostdeploy.device.phone.interrupts import Interrupts
from tests.conditions.shell_link import Heard


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


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


def test_the_handler_of_before_is_there_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(Heard()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


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
