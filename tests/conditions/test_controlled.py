"""A phone under control on the test phone: what is set, what the record says, and that everything is put back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from ghostdeploy.device.condition import Condition
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone.control import Controlled, controlled
from ghostdeploy.errors import UsageError
from ghostdeploy.phone_errors import DeviceNotReady, PushFailed
from tests.conditions.shell_link import ALLOWED, Heard, Patience, ShellLink

WISHES = Wishes(close_apps="none", airplane=True, allow=ALLOWED)


def by_name(control: Controlled) -> dict[str, Condition]:
    return {record.name: record for record in control.records()}


def test_everything_is_set_and_put_back(link: ShellLink) -> None:
    before = link.settings()
    with controlled(link, WISHES, clock=Patience()) as control:
        assert link.state("wakefulness").read_text() == "Awake\n"
        assert "showing=false" in link.state("keyguard").read_text()
        for line in ("stay_on_while_plugged_in=7", "low_power=0", "airplane_mode_on=1"):
            assert line in link.state("settings/global").read_text().splitlines()
        assert link.state("fixed_performance").read_text().strip() == "true"
        assert "nexuslauncher" in link.state("focus").read_text()
        assert all(record.restored is None for record in control.records())
    assert link.settings() == before and link.left_behind() == []
    found = by_name(control)
    assert found["screen"] == Condition("screen", "on", "achieved", "off", "on", True)
    assert found["stay-awake"] == Condition("stay-awake", "7", "achieved", "null", "7", True)
    assert found["battery-saver"] == Condition("battery-saver", "off", "achieved", "on", "off", True)
    assert found["fixed-performance"] == Condition("fixed-performance", "on", "achieved", None, "on", True)
    assert found["airplane-mode"] == Condition("airplane-mode", "on", "achieved", "off", "on", True)
    assert found["home-screen"] == Condition("home-screen", "home screen", "achieved", "com.example.game",
                                             "home screen", None)
    assert found["other-apps"].wanted == "kept" and "background-processes" not in found
    assert found["thermal-status"].achieved == found["battery-level"].achieved == "achieved"


def test_what_is_as_wanted_is_not_touched(link: ShellLink) -> None:
    link.state("wakefulness").write_text("Awake\n")
    link.state("keyguard").write_text("showing=false\nsecure=false\n")
    link.edit("settings/global", "low_power=1", "low_power=0\nstay_on_while_plugged_in=7")
    link.state("fixed_performance").write_text("unsupported\n")
    with controlled(link, replace(WISHES, airplane=False), clock=Patience()) as control:
        pass
    assert link.changed_by() == ["input keyevent KEYCODE_HOME"]
    found = by_name(control)
    assert found["screen"] == Condition("screen", "on", "achieved", "on", "on", None)
    assert found["airplane-mode"] == Condition("airplane-mode", "on", "not controlled", "off", "off", None)
    assert found["fixed-performance"] == Condition("fixed-performance", "on", "refused", None, None, None)
    assert link.left_behind() == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_everything_is_put_back_after_an_exception_in_the_middle(link: ShellLink, error: type[BaseException]) -> None:
    before = link.settings()
    with pytest.raises(error), controlled(link, WISHES, clock=Patience()) as control:
        raise error
    assert link.settings() == before and link.left_behind() == []
    assert by_name(control)["screen"].restored is True


@pytest.mark.parametrize("refused", ["settings put", "settings delete", "input keyevent", "cmd power",
                                     "cmd connectivity", "settings put\ncmd power",
                                     "input keyevent\nwm\nsettings\ncmd"])
def test_a_vendor_that_refuses_is_recorded_and_the_rest_is_put_back(link: ShellLink, refused: str) -> None:
    before = link.settings()
    link.state("refuse").write_text(refused + "\n")
    progress = Heard()
    with controlled(link, replace(WISHES, allow=(*ALLOWED, "SCREEN_OFF", "SCREEN_LOCKED", "POWER_SAVE")), progress,
                    Patience()) as control:
        pass
    found = by_name(control)
    changed = {name for name in before if link.settings()[name] != before[name]}
    if refused == "settings delete":        # set, and cannot be put back: said, kept in the journal, tried again
        assert changed == {"settings/global"} and found["stay-awake"].restored is False
        assert any("settings delete global stay_on_while_plugged_in" in note for note in progress.notes)
        assert link.left_behind()
        link.state("refuse").write_text("")
        with controlled(link, WISHES, progress, Patience()):
            pass
        assert any("put back what an earlier run" in note for note in progress.notes)
    else:
        assert changed == set() and "refused" in {record.achieved for record in found.values()}
        assert all(record.restored is not False for record in found.values())
    assert link.settings() == before and link.left_behind() == []


def test_a_lock_with_a_secret_is_found_before_any_app_is_closed(link: ShellLink) -> None:
    link.state("keyguard").write_text("showing=true\nsecure=true\n")
    before = link.settings()
    with (pytest.raises(DeviceNotReady, match="SCREEN_LOCKED") as caught,
          controlled(link, Wishes(allow=ALLOWED, confirm=lambda names: True), clock=Patience())):
        pytest.fail("it was measured")
    assert "--allow SCREEN_LOCKED" in caught.value.next
    assert not [line for line in link.changed_by() if line.startswith("am ")]
    assert link.settings() == before and link.left_behind() == []


def test_what_changed_while_measuring_is_in_the_record(link: ShellLink) -> None:
    with controlled(link, WISHES, clock=Patience()) as control:
        link.state("wakefulness").write_text("Asleep\n")
        link.edit("thermalservice", "Thermal Status: 0", "Thermal Status: 2")
    found = by_name(control)
    assert found["screen"] == Condition("screen", "on", "not controlled", "off", "off", True)
    assert (found["thermal-status"].achieved, found["thermal-status"].after) == ("not controlled", "MODERATE")


def test_without_a_journal_nothing_is_touched(link: ShellLink) -> None:
    before = link.settings()
    directory = link.directory / "data/local/tmp"
    directory.chmod(0o555)
    try:
        with pytest.raises(PushFailed), controlled(link, WISHES, clock=Patience()):
            pytest.fail("it was measured")
    finally:
        directory.chmod(0o771)
    assert link.settings() == before


def test_a_journal_names_what_was_and_how_to_put_it_back(link: ShellLink) -> None:
    with controlled(link, WISHES, clock=Patience()):
        journal = json.loads((link.directory / "data/local/tmp/ghostdeploy/journal.json").read_text())
    assert journal["schema_version"] == 1
    assert {change["name"]: change["before"] for change in journal["changes"]} == {
        "screen": "off", "stay-awake": "null", "battery-saver": "on", "fixed-performance": "off",
        "airplane-mode": "off"}
    assert journal["changes"][1]["by_hand"] == ["settings delete global stay_on_while_plugged_in"]


def test_airplane_mode_over_the_network_is_refused_before_anything_is_done(link: ShellLink) -> None:
    link.over_network = True
    try:
        with pytest.raises(UsageError, match="would cut the connection"), controlled(link, WISHES):
            pytest.fail("it was measured")
    finally:
        link.over_network = False
    assert link.changed_by() == []


def interrupt_at(link: ShellLink, when: Callable[[str], bool]) -> Callable[[], int]:
    """From now on every command of which `when` is true is answered with a Ctrl-C; returns how often that was."""
    run, times = type(link).run, 0

    def interrupting(words: tuple[str, ...], **options: float) -> object:
        nonlocal times
        done = run(link, words, **options)
        if when(" ".join(words)):
            times += 1
            os.kill(os.getpid(), signal.SIGINT)
        return done

    link.run = interrupting  # type: ignore[assignment,method-assign]
    return lambda: times


@pytest.mark.parametrize("when", ["put global low_power 0", "dumpsys", "journal.json", "put global low_power 1",
                                  "delete", "rm"])
def test_ctrl_c_at_any_moment_and_again_while_putting_back(link: ShellLink, when: str) -> None:
    """Every command with `when` in it is hit, so a second and a third Ctrl-C come while everything is put back."""
    before, handler, progress = link.settings(), signal.getsignal(signal.SIGINT), Heard()
    times = interrupt_at(link, lambda command: when in command)
    try:
        with pytest.raises(KeyboardInterrupt), controlled(link, WISHES, progress, Patience()):
            pass
        assert times() > 0
    finally:
        del link.run
    assert signal.getsignal(signal.SIGINT) is handler
    assert link.settings() == before and link.left_behind() == []
