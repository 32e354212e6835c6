"""The link breaks at every single command in turn; nothing stays changed, at once or after the next run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.device.phone.restoring import recover
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import DeviceHung, DeviceLost
from tests.conditions.breaking_link import BreakingLink, hung
from tests.conditions.shell_link import ALLOWED, Heard, Patience, ShellLink

WISHES = Wishes(close_apps="none", airplane=True, allow=ALLOWED)


def commands_of_a_run(link: ShellLink) -> int:
    """How many commands a run takes on which nothing breaks."""
    whole = BreakingLink(link, 10_000)
    with controlled(whole, WISHES, clock=Patience()):
        pass
    return whole.calls


@pytest.mark.parametrize("reaches", [False, True], ids=["before the phone got it", "after"])
def test_lost_for_good_at_each_command_is_put_back_by_the_next_run(link: ShellLink, reaches: bool) -> None:
    count = commands_of_a_run(link)
    assert count > 20
    recovered = 0
    for k in range(1, count + 1):
        link.as_new()
        before = link.settings()
        broken = BreakingLink(link, k, reaches=reaches)
        try:
            with controlled(broken, WISHES, clock=Patience()):
                pass
        except DeviceLost:
            pass
        assert broken.broke
        broken.plug()
        progress = Heard()
        assert recover(broken, progress, Patience()) == ()
        assert link.settings() == before and link.left_behind() == [], f"the {k}th of {count} commands"
        recovered += any("put back what an earlier run" in note for note in progress.notes)
    assert recovered > 10


@pytest.mark.parametrize("kind", ["lost", "hung"])
def test_a_link_that_comes_back_is_put_back_at_once(link: ShellLink, kind: str) -> None:
    count = commands_of_a_run(link)
    for k in range(3, count + 1, 4):
        link.as_new()
        before = link.settings()
        options = {} if kind == "lost" else {"error": hung}
        broken = BreakingLink(link, k, reaches=True, returns=True, **options)
        try:
            with controlled(broken, WISHES, clock=Patience()):
                pass
        except (DeviceLost, DeviceHung):
            pass
        assert broken.broke
        if link.left_behind():      # an answer was lost while it was put back: what nobody saw is not believed
            recover(link, Heard(), Patience())
        assert link.settings() == before and link.left_behind() == [], f"the {k}th of {count} commands"


def test_a_whole_run_recovers_and_puts_back_its_own(link: ShellLink) -> None:
    before = link.settings()
    with pytest.raises(DeviceLost), controlled(BreakingLink(link, 12), WISHES, clock=Patience()):
        pass
    assert link.settings() != before and link.left_behind()
    progress = Heard()
    with controlled(link, WISHES, progress, Patience()) as control:
        pass
    assert link.settings() == before and link.left_behind() == []
    assert {record.name: record.before for record in control.records()}["stay-awake"] == "null"
    assert any("put back what an earlier run that died had changed" in note for note in progress.notes)


def test_what_cannot_be_put_back_is_told_with_the_commands_to_type(link: ShellLink) -> None:
    progress = Heard()
    broken = BreakingLink(link, commands_of_a_run(link) - 4)    # while it is put back, which raises nothing
    with controlled(broken, WISHES, progress, Patience()) as control:
        pass
    assert {record.name: record.restored for record in control.records()}["screen"] is False
    by_hand = "adb -s test-phone shell settings delete global stay_on_while_plugged_in"
    assert any(by_hand in note for note in progress.notes)


def test_a_phone_that_hangs_while_it_is_put_back_is_left_to_its_journal_soon(link: ShellLink) -> None:
    before = link.settings()

    class Hanging(BreakingLink):
        def _through(self, do):  # type: ignore[no-untyped-def]
            self.calls += 1
            if self.calls >= self._breaks_at:
                raise DeviceHung("no answer")
            return do()

    broken = Hanging(link, 16)
    with pytest.raises(DeviceError), controlled(broken, WISHES, clock=Patience()):
        pass
    assert broken.calls <= 16 + 2 + 1       # two commands and a look, 15 to 30 s each
    recover(link, Heard(), Patience())
    assert link.settings() == before and link.left_behind() == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 2, "changes": []}',
                                     '{"schema_version": 1, "changes": [{"name": "screen"}]}'])
def test_a_journal_that_nobody_can_read_is_kept_aside_and_told(link: ShellLink, content: str) -> None:
    place = link.directory / "data/local/tmp/ghostdeploy"
    link.run(("mkdir", "-p", "/data/local/tmp/ghostdeploy"))
    (place / "journal.json").write_text(content)
    before, progress = link.settings(), Heard()
    assert recover(link, progress) == ()
    assert link.settings() == before and "journal.unreadable" in progress.notes[0]
    assert (place / "journal.unreadable").read_text() == content and not (place / "journal.json").exists()


def test_a_journal_never_makes_the_phone_run_anything_else(link: ShellLink) -> None:
    """A setting that this version does not know stays in the journal; `by_hand` is for people."""
    place = link.directory / "data/local/tmp/ghostdeploy"
    link.run(("mkdir", "-p", "/data/local/tmp/ghostdeploy"))
    (place / "journal.json").write_text(
        '{"schema_version": 1, "changes": [{"name": "volume", "before": "5", "by_hand": ["touch /data/local/tmp/ran"]},'
        ' {"name": "screen", "before": "; touch /data/local/tmp/ran", "by_hand": []},'
        ' {"name": "stay-awake", "before": "3", "by_hand": []}]}')
    progress = Heard()
    left = recover(link, progress, Patience())
    assert [change.name for change in left] == ["volume", "screen"]
    assert link.changed_by() == ["settings put global stay_on_while_plugged_in 3"]
    assert any("touch /data/local/tmp/ran" in note for note in progress.notes)
    assert [path.rsplit("/", 1)[1] for path in link.left_behind()] == ["journal.json"]
    with controlled(link, replace(WISHES, airplane=False), clock=Patience()):
        pass
    assert '"volume"' in (place / "journal.json").read_text()
