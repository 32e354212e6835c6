"""Opened bundles: validated, every file of them, and never outside their own directory."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ghostdeploy import schemas
from ghostdeploy.bundle import open_bundle
from ghostdeploy.bundle.labels import labels_for
from ghostdeploy.bundle.sums import listing
from ghostdeploy.errors import BundleInvalid, FileMissing
from ghostdeploy.exporter import export
from ghostdeploy.model import Model, Weights
from ghostdeploy.preprocessing import Preprocessing
from tests.commands import environment
from tests.tiny import factory


def test_schemas_are_valid_schemas() -> None:
    for schema in (schemas.manifest(), schemas.result()):
        Draft202012Validator.check_schema(schema)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        open_bundle(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": 2}', "\x00\x01", '{"schema_version": 1}',
                                  "[" * 100_000, "\udcff", '{"schema_version": ' + "9" * 5000 + "}"])
def test_a_hostile_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BundleInvalid):
        open_bundle(tmp_path)


def test_a_directory_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="is no bundle"):
        open_bundle(tmp_path)


@pytest.fixture
def copied(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may spoil."""
    target = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(tiny_bundle), str(target)], check=True)
    return target


def resum(bundle: Path) -> None:
    """What somebody would do who wants a changed bundle to pass for whole."""
    (bundle / "SHA256SUMS").write_text(listing(bundle))


def test_a_good_bundle_opens(copied: Path) -> None:
    bundle = open_bundle(copied)
    assert {a.format for a in bundle.artifacts} == {"pte", "tflite"}
    assert bundle.labels is not None and len(bundle.labels) == 7
    Draft202012Validator(schemas.manifest()).validate(bundle.manifest)


def test_every_file_is_in_the_sums_and_right(copied: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=copied, check=True)
    listed = {line.split("  ")[1] for line in (copied / "SHA256SUMS").read_text().splitlines()}
    present = {p.relative_to(copied).as_posix() for p in copied.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert listed == present


def test_a_changed_artifact_is_noticed(copied: Path) -> None:
    file = copied / "model.fp32.tflite"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BundleInvalid, match="not the file that was exported"):
        open_bundle(copied)


@pytest.mark.parametrize("name", ["golden/input.npy", "golden/output.npy", "golden/photo_outputs.npy", "labels.txt",
                                  "golden/top5.json", "manifest.json", "MODEL_CARD.md"])
def test_any_other_changed_file_is_noticed(copied: Path, name: str) -> None:
    with (copied / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(BundleInvalid, match=f"{name} is not the file that was exported"):
        open_bundle(copied)


def test_sums_and_manifest_must_agree(copied: Path) -> None:
    """Artifact and SHA256SUMS exchanged together: the manifest still knows the file that was verified."""
    (copied / "model.fp32.tflite").write_bytes(b"another model")
    resum(copied)
    with pytest.raises(BundleInvalid, match="not the file that was exported") as caught:
        open_bundle(copied)
    assert "manifest" in caught.value.why


@pytest.mark.parametrize("spoil", ["gone", "garbage", "without the golden output"])
def test_sums_that_do_not_cover_the_bundle(copied: Path, spoil: str) -> None:
    sums = copied / "SHA256SUMS"
    if spoil == "gone":
        sums.unlink()
    elif spoil == "garbage":
        sums.write_bytes(b"\xff\xfe what?\n")
    else:
        sums.write_text("".join(line for line in sums.read_text().splitlines(keepends=True) if "output" not in line))
    with pytest.raises(BundleInvalid, match="SHA256SUMS"):
        open_bundle(copied)


@pytest.mark.parametrize(("content", "said"), [(b"\xff\xfe\x00\x81\n", "as text"), (b"ant\nbee\n", "has 2 labels")])
def test_labels_that_are_none(copied: Path, content: bytes, said: str) -> None:
    (copied / "labels.txt").write_bytes(content)
    resum(copied)
    with pytest.raises(BundleInvalid, match=said):
        open_bundle(copied)


def test_labels_are_utf8_whatever_the_locale(copied: Path) -> None:
    (copied / "labels.txt").write_bytes("ähre\nb\nc\nd\ne\nf\ng\n".encode())
    resum(copied)
    code = ("import sys; from pathlib import Path; from ghostdeploy.bundle import open_bundle; "
            "sys.stdout.buffer.write(open_bundle(Path(sys.argv[1])).labels[0].encode())")
    ended = subprocess.run([sys.executable, "-X", "utf8=0", "-c", code, copied], capture_output=True, check=True,
                           env={**environment(), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"})
    assert ended.stdout.decode() == "ähre"


@pytest.mark.parametrize("name", ["labels.txt", "golden/input.npy", "model.fp32.pte", "manifest.json"])
def test_a_link_cannot_lead_outside(copied: Path, tmp_path: Path, name: str) -> None:
    (copied / name).rename(tmp_path / "elsewhere")
    (copied / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleInvalid, match="outside the bundle"):
        open_bundle(copied)


def test_documents_say_what_the_library_does(tmp_path: Path) -> None:
    """64 / 0.93 is 68.8: floored, as `Preprocessing.pixels` does."""
    model = Model(factory(), "tiny", Weights("random"), Preprocessing(input_size=64, crop=0.93))
    assert (64 / 0.93, model.preprocessing.resize) == (pytest.approx(68.8, abs=0.1), 68)
    bundle = export(model, tmp_path / "out", formats=("tflite", "pte"))
    assert bundle.manifest["preprocessing"]["resize"] == 68
    for name in ("MODEL_CARD.md", "android/ExecuTorchClassifier.kt", "android/LiteRtClassifier.kt"):
        text = (tmp_path / "out" / name).read_text()
        assert "shorter side" in text and " 68" in text and " 69" not in text
    assert "random BatchNorm statistics" in (tmp_path / "out" / "MODEL_CARD.md").read_text()
    for artifact in bundle.manifest["artifacts"]:
        verified = artifact["runtime"]["verified"]
        assert version(verified["package"]) == verified["version"]
    gradle = (tmp_path / "out" / "android" / "build.gradle.kts.snippet").read_text()
    assert f'executorch-android:{version("executorch")}"' in gradle
    minimum = next(a["runtime"]["minimum"] for a in bundle.manifest["artifacts"] if a["format"] == "tflite")
    assert f"tensorflow-lite {minimum}" in gradle and "LiteRT runtime from" not in gradle


def test_a_byte_order_mark_is_no_part_of_a_label(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("\ufeffcat\ndog\n".encode())
    model = Model(factory(), "tiny", Weights("module"), Preprocessing())
    found = labels_for(model, tmp_path / "labels.txt", classes=2)
    assert found is not None and found.names == ("cat", "dog")


@pytest.mark.parametrize("name", ["model.fp32.pte", "labels.txt", "golden/input.npy", "golden/output.npy"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleInvalid, match=name.replace(".", r"\.")):
        open_bundle(copied)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "golden/../../x"])
def test_a_manifest_cannot_point_outside(copied: Path, name: str) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["artifacts"][0]["file"] = name
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleInvalid, match="outside the bundle"):
        open_bundle(copied)
