"""`tune`, `export --profile` and `export --target` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ghostdeploy.lowering.site import Site
from ghostdeploy.photos import real_photos
from ghostdeploy.tuning import Measured, Profile, SiteCost, shipped
from ghostdeploy.tuning.wanted import unknown_to
from tests.commands import ghostdeploy

EXPORT = ("export", "--model", "tests.ghosts:small", "--random-weights", "--input-size", "32", "--format", "tflite")
SITE = Site("five-taps-as-three-and-three", (16, 16, 1, 5, 16))


def test_export_applies_what_a_profile_found_cheaper_and_stays_exact(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    Profile("ns", Measured("made up for a test", {}, "2026-11-26"),
            (SiteCost("tflite", "fp32", SITE, 2.0, 1.0),)).save(path)
    ended = ghostdeploy(*EXPORT, "--profile", path, "-o", tmp_path / "out", "--json")
    assert ended.code == 0, ended.stderr
    (artifact,) = ended.json["manifest"]["artifacts"]
    assert artifact["passes"]["five-taps-as-three-and-three"] == 1
    assert artifact["passes"]["identity-taps"] == 0
    assert artifact["parity"]["max_rel_error"] <= 1e-5
    assert ended.json["manifest"]["profile"] == {"unit": "ns", "device": "made up for a test", "date": "2026-11-26"}


def test_export_says_where_a_profile_knows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    Profile("ns", Measured("made up for a test", {}, "2026-11-26"),
            (SiteCost("tflite", "fp32", SITE, 2.0, 1.0),)).save(path)
    ended = ghostdeploy(*EXPORT, "--precision", "fp32,fp16", "--profile", path, "-o", tmp_path / "out")
    assert ended.code == 0 and "profile.json has no site of .tflite fp16: no rewrite" in ended.stderr, ended.stderr
    assert unknown_to(Profile.load(path), ["pte", "tflite"], ["fp32"]) == [".pte fp32"]
    assert unknown_to(shipped("android"), ["pte", "tflite"], ["fp32", "fp16", "int8"]) == []
    assert unknown_to(shipped("android"), ["pte"], ["mixed"]) == []
    assert unknown_to(Profile.load(path), ["tflite", "onnx"], ["fp32"]) == [], "nothing of .onnx depends on profiles"
    assert unknown_to(Profile.load(path), ["pte"], ["mixed", "fp16"]) == [".pte fp16", ".pte int8"]


def test_bad_profiles_and_targets_are_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text("{}")
    ghostdeploy(*EXPORT, "--profile", tmp_path / "profile.json", "-o", tmp_path / "out").assert_clean_error(
        "profile-invalid", 3)
    ghostdeploy(*EXPORT, "--profile", tmp_path / "none.json", "-o", tmp_path / "out").assert_clean_error(
        "file-missing", 3)
    ghostdeploy(*EXPORT, "--target", "ios", "-o", tmp_path / "out").assert_clean_error("usage", 2)
    assert not (tmp_path / "out").exists()


def test_tune_writes_a_profile_of_this_machine_that_export_takes(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    tuned = ghostdeploy("tune", "--model", "tests.ghosts:small", "--input-size", "8", "--format", "tflite", "--device",
                        "local", "-o", path, "--json")
    assert tuned.code == 0, tuned.stderr
    assert json.loads(path.read_text()) == {key: tuned.json[key] for key in ("schema_version", "unit", "measured",
                                                                             "sites")}
    assert {site["pass"] for site in tuned.json["sites"]} >= {"identity-taps", "five-taps-as-three-and-three"}
    assert tuned.json["unit"] == "ns"
    again = ghostdeploy("tune", "--model", "tests.ghosts:small", "--input-size", "8", "--format", "tflite",
                        "--add-to", path, "-o", path)
    assert again.code == 0, again.stderr
    assert "rewritten over plain" in again.stdout
    assert json.loads(path.read_text())["sites"] == tuned.json["sites"]     # known sites are not measured again


def test_int8_is_tuned_too_and_what_cannot_run_by_itself_is_said(tmp_path: Path) -> None:
    tuned = ghostdeploy("tune", "--model", "tests.ghosts:small", "--input-size", "8", "--precision", "int8", "-o",
                        tmp_path / "mine.json")
    assert tuned.code == 0, tuned.stderr
    sites = Profile.load(tmp_path / "mine.json").sites
    assert {site.precision for site in sites} == {"int8"}
    assert {site.format for site in sites if site.site.pass_name == "identity-taps"} == {"pte", "tflite"}
    (tmp_path / "photos").mkdir()
    for photo in real_photos():
        photo.image.save(tmp_path / "photos" / f"{photo.name}.png")
    exported = ghostdeploy(*EXPORT[:-1], "tflite,pte", "--precision", "int8", "--allow", "few-images",
                           "--calibration", tmp_path / "photos", "--profile", tmp_path / "mine.json",
                           "-o", tmp_path / "out", "--json")
    assert exported.code == 0, exported.stderr


def test_tune_names_what_it_lacks(tmp_path: Path) -> None:
    ghostdeploy("tune", "-o", tmp_path / "p.json").assert_clean_error("usage", 2)
    ghostdeploy("tune", "--model", "ghostnetv3", "-o", tmp_path / "p.json").assert_clean_error("model-unknown", 3)
    for words in (("--format", "onnx"), ("--format", ""), ("--precision", ""), ("--precision", "int4")):
        ghostdeploy("tune", "--model", "tests.ghosts:small", *words, "-o", tmp_path / "p.json").assert_clean_error(
            "usage", 2)
    mixed = ghostdeploy("tune", "--model", "tests.ghosts:small", "--precision", "mixed", "-o", tmp_path / "p.json")
    mixed.assert_clean_error("usage", 2)
    assert "sites of fp16 and of int8" in mixed.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.phones
def test_an_unknown_cpu_is_refused_before_anything_is_lowered(tmp_path: Path) -> None:
    ended = ghostdeploy("tune", "--model", "tests.ghosts:small", "--device", "arm-instructions", "--cpu", "pentium",
                        "-o", tmp_path / "p.json")
    ended.assert_clean_error("usage", 2)
    assert "qemu knows no CPU pentium" in ended.stderr and "lower site" not in ended.stderr


def test_tune_looks_at_where_it_will_write_first(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "none" / "p.json", Path("/dev/null")):
        ghostdeploy("tune", "--model", "there-is-no-such-model", "-o", target).assert_clean_error("write-failed", 3)


def test_sites_of_another_device_are_not_added_to(tmp_path: Path) -> None:
    Profile("ns", Measured("made up for a test", {}, "2026-11-26"), ()).save(tmp_path / "other.json")
    ghostdeploy("tune", "--model", "tests.ghosts:small", "--input-size", "8", "--add-to", tmp_path / "other.json", "-o",
                tmp_path / "p.json").assert_clean_error("usage", 2)
