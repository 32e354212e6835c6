"""Profiles: what is kept, what is believed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from ghostdeploy.errors import FileMissing, FileUnreadable, ProfileInvalid, UsageError, WriteFailed
from ghostdeploy.lowering.passes import alternatives
from ghostdeploy.lowering.site import Site, nowhere
from ghostdeploy.tuning import Measured, Profile, SiteCost, Target, shipped
from ghostdeploy.tuning.profile import MARGIN, Unit

SITE = Site("identity-taps", (112, 112, 3, 3, 16, 8))
OTHER = Site("identity-taps", (112, 112, 3, 3, 16, 9))


def profile(plain: float, rewritten: float, unit: Unit = "instructions") -> Profile:
    return Profile(unit, Measured("a device", {"tflite": "tflite 2.14.0"}, "2026-11-26"),
                   (SiteCost("tflite", "fp32", SITE, plain, rewritten),))


def test_a_profile_comes_back_as_it_was(tmp_path: Path) -> None:
    profile(2.0, 1.0).save(tmp_path / "p.json")
    assert Profile.load(tmp_path / "p.json") == profile(2.0, 1.0)


@pytest.mark.parametrize("unit", get_args(Unit))
def test_a_rewrite_is_wanted_where_it_is_cheaper_by_more_than_the_noise(unit: Unit) -> None:
    just, enough = 100 * (1 - MARGIN[unit]), 100 * (1 - MARGIN[unit]) - 0.01
    assert not profile(100, just, unit).wanted("tflite", "fp32")(SITE)
    assert profile(100, enough, unit).wanted("tflite", "fp32")(SITE)
    assert not profile(100, 130, unit).wanted("tflite", "fp32")(SITE)


def test_what_was_measured_speaks_for_nothing_else() -> None:
    known = profile(2, 1)
    assert not known.wanted("tflite", "fp32")(OTHER)
    assert not known.wanted("pte", "fp32")(SITE)
    assert not known.wanted("tflite", "fp16")(SITE)


@pytest.mark.parametrize(("content", "why"), [
    ("", "no JSON"), ("[" * 100_000, "no JSON"), ("{}", "required"), ('{"schema_version": 2}', ""),
    (b"\xff\xfe\x00", "decode"), (json.dumps({**profile(2, 1).as_dict(), "unit": "ms"}), "ms"),
    (json.dumps({**profile(2, 1).as_dict(), "sites": [{"format": "pte"}]}), "required")])
def test_other_files_are_refused(tmp_path: Path, content: str | bytes, why: str) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProfileInvalid) as caught:
        Profile.load(path)
    assert why in caught.value.why
    assert str(path) in caught.value.what


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        Profile.load(tmp_path / "none.json")
    with pytest.raises(FileUnreadable):
        Profile.load(tmp_path)
    with pytest.raises(WriteFailed):
        profile(2, 1).save(tmp_path / "none" / "p.json")


@pytest.mark.parametrize("target", get_args(Target))
def test_shipped_profiles_say_what_they_were_measured_on(target: Target) -> None:
    known = shipped(target)
    assert known.unit == {"android": "instructions", "host": "ns"}[target]
    assert known.measured.device
    assert set(known.measured.runtimes) == ({"pte", "tflite"} if known.sites else set())
    names = {alternative.name for alternative in alternatives(nowhere)}
    assert {cost.site.pass_name for cost in known.sites} <= names
    keys = [(cost.format, cost.precision, cost.site) for cost in known.sites]
    assert len(keys) == len(set(keys))


def test_the_profile_for_phones_knows_ghostnetv3() -> None:
    wanted = shipped("android").wanted("tflite", "fp32")
    assert wanted(Site("concatenation-past-depthwise", (112, 112, 3, 3, 2, 2, 24, 24)))
    assert not wanted(Site("identity-taps", (112, 112, 3, 3, 16, 8)))


def test_another_target_is_refused() -> None:
    with pytest.raises(UsageError, match="ios"):
        shipped("ios")  # type: ignore[arg-type]
