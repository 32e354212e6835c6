"""Closing other apps: which, which not, and what the record says."""

from __future__ import annotations

import pytest

from ghostdeploy.device.condition import Condition
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone import apps
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.device.phone.questions import Answers
from ghostdeploy.errors import UsageError
from tests.conditions.shell_link import ALLOWED, Heard, Patience, ShellLink


def states(link: ShellLink) -> dict[str, str]:
    return {line.split()[0]: line.split()[3] for line in link.state("packages").read_text().splitlines()}


def test_the_plan_keeps_what_the_phone_needs(link: ShellLink) -> None:
    link.edit("settings/secure", "default_input_method=com.google.android.inputmethod.latin/com.android",
              "default_input_method=com.example.keyboard/com.android")
    link.state("vpn").write_text("com.example.tunnel\n")
    link.state("device_admins").write_text("com.example.mdm/.Admin\n")
    link.state("launcher").write_text("com.example.chat/.Launcher\n")
    plan = apps.plan(link, ("com.example.mail",))
    assert {kept.package: kept.reason for kept in plan.kept} == {
        "com.example.keyboard": "keyboard", "com.example.tunnel": "VPN", "com.example.mdm": "manages the phone",
        "com.example.talker": "accessibility service", "com.example.chat": "home screen",
        "com.example.mail": "you said so"}
    assert plan.stop == ("com.example.game",) and link.changed_by() == []


def test_all_closes_what_was_confirmed_and_nothing_else(link: ShellLink) -> None:
    asked: list[tuple[str, ...]] = []
    before, progress = states(link), Heard()

    def confirm(names: tuple[str, ...]) -> bool:
        assert states(link) == before, "asked first"
        asked.append(names)
        return True

    with controlled(link, Wishes(allow=ALLOWED, confirm=confirm), progress, Patience()) as control:
        pass
    after = states(link)
    assert asked == [tuple(name for name in sorted(after) if after[name] == "stopped")]
    assert len(asked[0]) == 5 and after["com.example.talker"] == "idle"       # kept, and its background process killed
    records = {record.name: record for record in control.records()}
    assert records["other-apps"] == Condition("other-apps", "closed", "achieved", "7 third-party apps", "5 closed",
                                              None)
    assert records["background-processes"].achieved == "achieved"
    assert any("com.example.talker (accessibility service)" in note for note in progress.notes)


def test_nobody_confirmed(link: ShellLink) -> None:
    with controlled(link, Wishes(allow=ALLOWED), clock=Patience()) as control:      # the default confirms nothing
        pass
    assert not [line for line in link.changed_by() if line.startswith("am force-stop")]
    assert {r.name: r.achieved for r in control.records()}["other-apps"] == "not controlled"


def test_a_confirmation_that_raises_puts_everything_back(link: ShellLink) -> None:
    before = link.settings()

    def confirm(names: tuple[str, ...]) -> bool:
        raise UsageError("nobody can be asked")

    with pytest.raises(UsageError), controlled(link, Wishes(allow=ALLOWED, confirm=confirm), clock=Patience()):
        pass
    assert link.settings() == before and link.left_behind() == []


def test_background_only(link: ShellLink) -> None:
    with controlled(link, Wishes("background", allow=ALLOWED), clock=Patience()) as control:
        pass
    assert "stopped" not in states(link).values() and "background" not in states(link).values()
    assert {r.name: r.wanted for r in control.records()}["other-apps"] == "kept"


def test_a_refusal_to_kill_is_recorded(link: ShellLink) -> None:
    link.state("refuse").write_text("am kill-all\n")
    with controlled(link, Wishes("background", allow=ALLOWED), clock=Patience()) as control:
        pass
    assert {r.name: r.achieved for r in control.records()}["background-processes"] == "refused"


def test_a_name_that_keeps_nothing_is_not_passed_over(link: ShellLink) -> None:
    with pytest.raises(UsageError, match=r"com\.example\.mial") as caught:
        apps.plan(link, ("com.example.mial",))
    assert "com.example.mail" in caught.value.next


def test_an_app_that_went_away_meanwhile_does_no_harm(link: ShellLink) -> None:
    plan = apps.plan(link, ())
    link.state("packages").write_text("".join(line for line in link.state("packages").open() if "game" not in line))
    assert apps.close(link, plan).achieved == "achieved"


def test_many_apps_are_closed_in_batches(link: ShellLink) -> None:
    link.state("packages").write_text("".join(f"com.many.app{n} third {n} background\n" for n in range(45)))
    assert apps.close(link, apps.plan(link, ())).after == "45 closed"
    assert set(states(link).values()) == {"stopped"}


def test_a_phone_that_tells_nothing_has_no_apps_to_close() -> None:
    assert apps.planned(Answers({}, {}), ()) == apps.Plan((), ())
