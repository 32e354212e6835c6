"""Files that are broken, mistaken or malicious: a clear refusal each, nothing run, nothing but our own errors."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ghostdeploy.checkpoint import kind
from ghostdeploy.checkpoint.identify import open_checkpoint
from ghostdeploy.errors import (
    CheckpointContent,
    CheckpointFormat,
    CheckpointUnsafe,
    FileMissing,
    FileUnreadable,
    GhostdeployError,
)
from ghostdeploy.loading import load
from tests.checkpoints import save, tiny_file
from tests.commands import ghostdeploy as command
from tests.tiny import factory

OWN = "tests.tiny:factory"


class Payload:
    """Unpickling this runs a command that leaves a marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def says(path: Path, error: type[GhostdeployError], *words: str) -> GhostdeployError:
    """Opening `path` raises exactly `error`, whose text has all of `words`."""
    with pytest.raises(error) as caught:
        open_checkpoint(path)
    text = f"{caught.value.what} {caught.value.why} {caught.value.next}"
    assert all(word in text for word in words), text
    assert caught.value.exit_code == 3
    return caught.value


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# ---- code in files ----------------------------------------------------------------------------------------------


HIDDEN: dict[str, Callable[[Payload], Any]] = {
    "alone": lambda payload: payload,
    "beside weights": lambda payload: {"state_dict": factory().state_dict(), "extra": payload},
    "inside weights": lambda payload: {**factory().state_dict(), "head.bias": payload},
}


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_payload_never_runs(tmp_path: Path, hidden: str, legacy: bool) -> None:
    marker = tmp_path / "marker"
    path = save(tmp_path / "evil.pth", HIDDEN[hidden](Payload(marker)), _use_new_zipfile_serialization=not legacy)
    says(path, CheckpointUnsafe, "system", "nothing of it was run")
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the payload is a dud, so the test proves nothing"


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_never_runs(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    path = write(tmp_path / "evil.pth", pickle.dumps(Payload(marker), protocol))
    says(path, CheckpointUnsafe if protocol > 1 else CheckpointFormat)
    assert not marker.exists()


def test_a_payload_in_a_later_pickle_of_a_legacy_file_never_runs(tmp_path: Path) -> None:
    """The fifth pickle of a legacy file lists its storages; torch reads it with the same unpickler."""
    marker, buffer = tmp_path / "marker", io.BytesIO()
    torch.save({}, buffer, _use_new_zipfile_serialization=False)
    keys = pickle.dumps([], 2)
    assert buffer.getvalue().endswith(keys)
    evil = buffer.getvalue()[:-len(keys)] + pickle.dumps(Payload(marker), 2)
    says(write(tmp_path / "evil.pth", evil), CheckpointUnsafe, "system")
    assert not marker.exists()


@pytest.mark.parametrize("value", [np.float64(0.5), Path("somewhere"), nn.Linear(2, 2), torch.nn.functional.relu])
def test_objects_that_are_no_tensors_are_named(tmp_path: Path, value: Any) -> None:
    path = save(tmp_path / "a.pth", {"state_dict": factory().state_dict(), "note": value})
    says(path, CheckpointUnsafe, "holds more than plain tensors", "state_dict")


def test_a_pickle_that_asks_for_memory_is_refused_before_it_gets_any(tmp_path: Path) -> None:
    """torch's own safe unpickler would call `bytearray(10**12)`."""
    program = b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85R."
    save(tmp_path / "good.pth", {"weight": torch.zeros(2)})
    with zipfile.ZipFile(tmp_path / "evil.pth", "w") as evil, zipfile.ZipFile(tmp_path / "good.pth") as good:
        for member in good.infolist():
            evil.writestr(member.filename, program if member.filename.endswith("data.pkl") else good.read(member))
    says(tmp_path / "evil.pth", CheckpointUnsafe, "builtins.bytearray")


# ---- bombs ------------------------------------------------------------------------------------------------------


def test_a_zip_bomb_is_refused_by_its_table_of_contents(tmp_path: Path) -> None:
    save(tmp_path / "good.pth", factory().state_dict())
    with (zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
          zipfile.ZipFile(tmp_path / "good.pth") as good):
        for member in good.infolist():
            bomb.writestr(member.filename, good.read(member))
        bomb.writestr("good/data/99", bytes(256 << 20))
    assert (tmp_path / "bomb.pth").stat().st_size < 1 << 20
    says(tmp_path / "bomb.pth", CheckpointUnsafe, "unpacks to 268,")


def test_a_view_that_claims_terabytes(tmp_path: Path) -> None:
    state = dict(factory().state_dict())
    state["head.weight"] = torch.zeros(1).expand(1 << 20, 1 << 20)
    says(save(tmp_path / "a.pth", state), CheckpointUnsafe, "head.weight", "claim more memory")


def test_a_file_beyond_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pth", b"PK\x03\x04")
    os.truncate(path, kind.MAX_BYTES + 1)    # sparse: takes no disk
    says(path, CheckpointFormat, "8.0 GiB", "limit")


def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", factory().state_dict())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a/data.pkl", b"\x80\x02}.")
    says(path, CheckpointUnsafe, "two members of one name")


# ---- damage -----------------------------------------------------------------------------------------------------


def test_no_file_a_directory_and_an_empty_file(tmp_path: Path) -> None:
    says(tmp_path / "nothing.pth", FileMissing, "nothing.pth")
    says(tmp_path, FileUnreadable, "is a directory")
    says(write(tmp_path / "empty.pth", b""), CheckpointFormat, "is empty")


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("part", [0.0005, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_truncated_files(tmp_path: Path, container: str, part: float) -> None:
    data = tiny_file(tmp_path / "whole", container)
    path = write(tmp_path / "half.pth", data[:max(4, int(len(data) * part))])
    says(path, CheckpointFormat)


@pytest.mark.parametrize("header", [
    b"", b"{}", b"{", b'{"a":1}', b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
    b'{"a":{"dtype":"F32","shape":[99999999999,99999999999],"data_offsets":[0,8]}}',
    b'{"a":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}}', b"\xff" * 40,
])
def test_safetensors_with_a_bad_header(tmp_path: Path, header: bytes) -> None:
    path = write(tmp_path / "a.safetensors", struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises((CheckpointFormat, CheckpointContent)):
        open_checkpoint(path)


def test_safetensors_whose_header_is_longer_than_the_file(tmp_path: Path) -> None:
    says(write(tmp_path / "a.safetensors", struct.pack("<Q", 10**7) + b"{}"), CheckpointFormat)


# ---- other kinds of file ----------------------------------------------------------------------------------------


def test_torchscript_and_exported_programs_are_named(tmp_path: Path) -> None:
    small = nn.Sequential(nn.Conv2d(3, 4, 1)).eval()
    torch.jit.trace(small, torch.zeros(1, 3, 4, 4)).save(str(tmp_path / "a.pt"))  # type: ignore[no-untyped-call]
    says(tmp_path / "a.pt", CheckpointFormat, "TorchScript")
    torch.export.save(torch.export.export(small, (torch.zeros(1, 3, 4, 4),)), tmp_path / "a.pt2")
    says(tmp_path / "a.pt2", CheckpointFormat, "torch.export")


def test_other_kinds_of_file_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", a=np.zeros(2))
    says(tmp_path / "weights.npz", CheckpointFormat, "NumPy archive")
    with zipfile.ZipFile(tmp_path / "report.docx", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    says(tmp_path / "report.docx", CheckpointFormat, "zip archive of something else")
    for data, name in ((b"version https://git-lfs is a pointer\n", "git lfs pull"), (b"<!DOCTYPE html>", "web page"),
                       (b"\x1c\x00\x00\x00TFL3", "TFLite"), (b"\x89HDF\r\n\x1a\n", "Keras"), (b"dear diary\n", "text"),
                       (b"\x1f\x8b\x08", "gzip"), (b"\x07\xfe" * 40, "bytes 07 fe")):
        says(write(tmp_path / "a.pth", data), CheckpointFormat, name)


# ---- contents ---------------------------------------------------------------------------------------------------


def test_an_optimizer_alone(tmp_path: Path) -> None:
    optimizer = torch.optim.SGD(factory().parameters(), 0.1, momentum=0.9)
    says(save(tmp_path / "a.pth", optimizer.state_dict()), CheckpointContent, "holds no weights", "optimizer")
    says(save(tmp_path / "a.pth", {"optimizer": optimizer.state_dict(), "epoch": 3}), CheckpointContent, "optimizer")


@pytest.mark.parametrize(("content", "word"), [
    ([torch.zeros(2)], "list"), (torch.zeros(2), "single tensor"), ({}, "none"), ({"epoch": 3}, "epoch"), (3, "int"),
    ({"state_dict": {}}, "state_dict"), ({"model": {"a": "b"}}, "model"),
])
def test_no_weights(tmp_path: Path, content: Any, word: str) -> None:
    says(save(tmp_path / "a.pth", content), CheckpointContent, "holds no weights", word)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_inf_are_named(tmp_path: Path, value: float) -> None:
    state = factory().state_dict()
    state["depthwise.0.weight"][3, 0, 1, 1] = value
    says(save(tmp_path / "a.pth", state), CheckpointContent, "NaN or Inf", "depthwise.0.weight (1 values)")


def test_float64_that_float32_cannot_hold(tmp_path: Path) -> None:
    state = {key: value.double() for key, value in factory().state_dict().items()}
    state["head.bias"][2] = 1e300
    says(save(tmp_path / "a.pth", state), CheckpointContent, "head.bias")


@pytest.mark.parametrize("tensor", [torch.zeros(7, 8, dtype=torch.int8), torch.zeros(7, 8, dtype=torch.complex64)])
def test_other_types_of_number_are_named(tmp_path: Path, tensor: torch.Tensor) -> None:
    state = {**factory().state_dict(), "head.weight": tensor}
    with pytest.raises((CheckpointContent, CheckpointUnsafe), match=r"head.weight|ComplexFloatStorage"):
        load(save(tmp_path / "a.pth", state), model=OWN)


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    state = {**factory().state_dict(), "head.weight": torch.zeros(7, 8).to_sparse()}
    says(save(tmp_path / "a.pth", state), CheckpointUnsafe, "sparse")


# ---- the command line --------------------------------------------------------------------------------------------


def test_at_the_command_line_there_is_one_message_and_no_traceback(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = save(tmp_path / "evil.pth", Payload(marker))
    ended = command("export", "--model", OWN, "--checkpoint", path, "-o", tmp_path / "out", "--json")
    assert ended.code == 3
    assert ended.json["error"]["code"] == "checkpoint-unsafe"
    assert "Traceback" not in ended.stderr
    assert not marker.exists()
    assert not (tmp_path / "out").exists()
    assert json.loads(ended.stdout)["error"]["exit_code"] == 3
