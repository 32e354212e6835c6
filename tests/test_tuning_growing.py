"""A profile while it grows: whole after every site, and true about the sites that were there before."""

from __future__ import annotations

import datetime
from contextlib import nullcontext
from dataclasses import replace

import pytest

from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.site import Site
from ghostdeploy.tuning.growing import Growing, forget
from ghostdeploy.tuning.profile import Measured, Profile, SiteCost, Unit

TODAY = datetime.datetime.now(datetime.UTC).date().isoformat()


def cost(number: int) -> SiteCost:
    return SiteCost("tflite", "fp32", Site("identity-taps", (number,)), 2.0, 1.0)


class Device:
    """It tells its runtime from its first run on, as real ones do."""

    unit: Unit = "ns"
    device = "made up for a test"

    def __init__(self, runtime: str = "litert 2") -> None:
        self.runtime, self.ran = runtime, False

    def measuring(self, artifacts, progress):
        return nullcontext(lambda forms, inputs: [2.0, 1.0])

    def runtimes(self, formats):
        return dict.fromkeys(formats, self.runtime) if self.ran else {}


KNOWN = Profile("ns", Measured(Device.device, {"tflite": "litert 2"}, "2026-01-02", "Of some models."), (cost(1),))


def test_every_site_is_handed_on_with_all_before_it() -> None:
    kept: list[Profile] = []
    growing = Growing(Device(), ["tflite"], None, kept.append)
    for number in (1, 2):
        growing.add(cost(number))
    assert [profile.sites for profile in kept] == [(cost(1),), (cost(1), cost(2))]
    assert kept[-1] == growing.profile and growing.profile.measured.date == TODAY and not growing.profile.measured.note


def test_where_nothing_is_added_nothing_changes() -> None:
    assert Growing(Device("litert 3"), ["tflite"], KNOWN, forget).profile is KNOWN


def test_older_sites_stay_older_and_keep_their_words() -> None:
    device = Device()
    growing = Growing(device, ["tflite", "pte"], KNOWN, forget)
    device.ran = True
    growing.add(cost(2))
    measured = growing.profile.measured
    assert measured.note == (f"Of some models. 1 of the sites were known before {TODAY}, from 2026-01-02 or earlier.")
    assert measured.date == TODAY and measured.runtimes == {"tflite": "litert 2", "pte": "litert 2"}


def test_on_the_same_day_the_words_stay_as_they_are() -> None:
    growing = Growing(Device(), ["tflite"], replace(KNOWN, measured=replace(KNOWN.measured, date=TODAY)), forget)
    growing.add(cost(2))
    assert growing.profile.measured.note == "Of some models."


@pytest.mark.parametrize("knows", [True, False])
def test_sites_of_another_runtime_are_refused_as_soon_as_it_is_told(knows: bool) -> None:
    device = Device("litert 3")
    device.ran = knows
    with pytest.raises(UsageError, match=r"measured in litert 2") as refused:
        growing = Growing(device, ["tflite"], KNOWN, forget)
        assert not knows
        device.ran = True
        growing.add(cost(2))
    assert "litert 3" in refused.value.why
