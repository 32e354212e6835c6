"""The one question that measuring a phone asks, and the options about a phone's conditions."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from ghostdeploy.cli.conditions import PhoneOptions
from ghostdeploy.cli.output import StageDisplay
from ghostdeploy.errors import UsageError

PACKAGES = ("com.example.chat", "com.example.[game]")


def display() -> StageDisplay:
    return StageDisplay(Console(file=StringIO(), width=300))


def said(shown: StageDisplay) -> str:
    assert isinstance(shown.console.file, StringIO)
    return shown.console.file.getvalue()


def test_the_list_is_shown_and_yes_answers() -> None:
    shown = display()
    assert PhoneOptions(yes=True).wishes(shown).confirm(PACKAGES)
    assert "com.example.chat, com.example.[game]" in said(shown) and "cannot be undone" in said(shown)


def test_a_script_must_say_yes() -> None:
    with pytest.raises(UsageError) as raised:
        PhoneOptions().wishes(display()).confirm(PACKAGES)
    assert "--yes" in raised.value.next and "--keep-apps" in raised.value.next


def test_the_options_become_wishes() -> None:
    wanted = PhoneOptions(close_apps="background", keep_app=["com.a"], allow="THERMAL, EMULATOR", airplane=True,
                          max_battery_c=35.0, cool_down=60.0).wishes(display())
    assert (wanted.close_apps, wanted.keep_apps, wanted.allow) == ("background", ("com.a",), ("THERMAL", "EMULATOR"))
    assert (wanted.airplane, wanted.max_battery_c, wanted.cool_down_s) == (True, 35.0, 60.0)
    assert PhoneOptions(keep_apps=True).wishes(display()).close_apps == "none"


@pytest.mark.parametrize("options", [PhoneOptions(close_apps="some"), PhoneOptions(max_battery_c=float("nan")),
                                     PhoneOptions(cool_down=-1.0)])
def test_values_that_there_are_not(options: PhoneOptions) -> None:
    with pytest.raises(UsageError):
        options.wishes(display())
