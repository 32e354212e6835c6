"""The one question that `bench` asks, and the options about a phone's conditions."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from ghostdeploy.cli import conditions
from ghostdeploy.cli.output import StageDisplay
from ghostdeploy.device.control import Wishes
from ghostdeploy.errors import UsageError

PACKAGES = ("com.example.chat", "com.example.[game]")


def willing(packages: tuple[str, ...]) -> bool:
    return True


def display() -> StageDisplay:
    return StageDisplay(Console(file=StringIO(), width=300))


def said(shown: StageDisplay) -> str:
    assert isinstance(shown.console.file, StringIO)
    return shown.console.file.getvalue()


def test_the_list_is_shown_and_yes_answers() -> None:
    shown = display()
    assert conditions.ask(shown, yes=True)(PACKAGES)
    assert "com.example.chat, com.example.[game]" in said(shown) and "cannot be undone" in said(shown)


def test_a_script_must_say_yes() -> None:
    with pytest.raises(UsageError) as raised:
        conditions.ask(display(), yes=False)(PACKAGES)
    assert "--yes" in raised.value.next and "--keep-apps" in raised.value.next


def test_the_options_become_wishes() -> None:
    wanted = conditions.wishes("background", False, ["com.a"], "THERMAL, EMULATOR", True, 35.0, 60.0, willing)
    assert wanted == Wishes("background", ("com.a",), ("THERMAL", "EMULATOR"), True, 35.0, 60.0, willing)
    assert conditions.wishes("all", True, None, "", False, 37.0, 0.0, willing).close_apps == "none"


@pytest.mark.parametrize(("close", "warm", "wait"), [
    ("some", 37.0, 1.0), ("all", float("nan"), 1.0), ("all", 37.0, -1.0)])
def test_values_that_there_are_not(close: str, warm: float, wait: float) -> None:
    with pytest.raises(UsageError):
        conditions.wishes(close, False, None, "", False, warm, wait, willing)
