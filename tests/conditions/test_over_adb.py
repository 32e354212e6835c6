"""The same through the real adbd: control over a real connection, and over one that is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ghostdeploy.device.adb.direct import TCP
from ghostdeploy.device.adb.direct_link import DirectLink
from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.adb.tcp import MendedTcp
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.device.phone.describe import describe
from ghostdeploy.device.phone.place import free_space_kb
from ghostdeploy.device.phone.state import state
from ghostdeploy.errors import DeviceError
from tests.conditions.shell_link import ALLOWED, Heard, Patience
from tests.phone.adbd import RealPhone

WISHES = Wishes(allow=ALLOWED, airplane=True, confirm=lambda names: True)
FILES = ("settings/global", "settings/secure", "settings/system", "wakefulness", "keyguard", "fixed_performance")


@pytest.fixture
def phone() -> Iterator[RealPhone]:
    with RealPhone() as made:
        made.state("wakefulness").write_text("Asleep\n")      # and with that locked
        made.state("keyguard").write_text("showing=true\nsecure=false\n")
        yield made


@pytest.fixture
def link(phone: RealPhone) -> Iterator[Link]:
    made = cable(phone)
    yield made
    made.close()


def cable(phone: RealPhone) -> Link:
    """Straight to adbd; said to be a cable, or airplane mode would rightly be refused."""
    return DirectLink(phone.serial, lambda: MendedTcp("127.0.0.1", phone.port), TCP, over_network=False)


def settings(phone: RealPhone) -> dict[str, list[str]]:
    return {name: sorted(phone.state(name).read_text().split()) for name in FILES}


def test_a_phone_is_described_and_controlled_and_put_back(phone: RealPhone, link: Link) -> None:
    before = settings(phone)
    info = describe(link)
    assert info.serial == phone.serial and info.api_level == 34 and info.emulated and info.page_size == 4096
    assert {core.max_khz for core in info.cores} <= {1803000, 2802000}
    assert (free_space_kb(link) or 0) > 0
    now = state(link, info)
    assert (now.thermal_status, now.battery_c, now.thermal) == (0, 28.6, 43.8) and None not in now.limits_khz
    with controlled(link, WISHES, clock=Patience()) as control:
        assert phone.state("wakefulness").read_text() == "Awake\n"
        control.rest()
    assert {record.restored for record in control.records()} == {True, None}
    assert "refused" not in {record.achieved for record in control.records()}
    assert settings(phone) == before
    assert link.run(("find", "/data/local/tmp", "-type", "f")).text == ""


def test_a_cable_that_stays_pulled_and_the_next_run(phone: RealPhone, monkeypatch: pytest.MonkeyPatch) -> None:
    from ghostdeploy.device.phone import restoring

    monkeypatch.setattr(restoring, "RECONNECT_S", 0.5)
    before, progress = settings(phone), Heard()
    first = cable(phone)
    with pytest.raises(DeviceError), controlled(first, WISHES, progress, Patience()) as control:
        phone.cut()
        control.rest()
    first.close()
    assert {record.restored for record in control.records()} == {False, None} and settings(phone) != before
    assert any("the next run tries again, or by hand: adb -s" in note for note in progress.notes)
    phone.plug()
    second = cable(phone)
    with controlled(second, replace(WISHES, close_apps="none"), progress, Patience()):
        pass
    second.close()
    assert any("put back what an earlier run that died" in note for note in progress.notes)
    assert settings(phone) == before


def test_a_cable_that_comes_back_while_it_is_put_back(phone: RealPhone, link: Link) -> None:
    before = settings(phone)
    with pytest.raises(RuntimeError), controlled(link, WISHES, clock=Patience()) as control:
        phone.cut()
        phone.plug()
        raise RuntimeError
    assert {record.restored for record in control.records()} == {True, None} and settings(phone) == before


def test_a_reboot_in_the_middle(phone: RealPhone, link: Link) -> None:
    before = settings(phone)
    with pytest.raises(RuntimeError), controlled(link, WISHES, clock=Patience()):
        phone.reboot()
        raise RuntimeError
    assert settings(phone) == before
