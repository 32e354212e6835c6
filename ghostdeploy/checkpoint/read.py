"""From a file to what is stored in it: tensors in plain containers. Nothing in the file is ever executed."""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from ghostdeploy.checkpoint import archive, pickles
from ghostdeploy.checkpoint.kind import Kind, kind
from ghostdeploy.checkpoint.note import Note, note_in
from ghostdeploy.digest import sha256
from ghostdeploy.errors import CheckpointFormat, FileMissing, FileUnreadable
from ghostdeploy.wording import first_sentence

# A legacy file is five pickles (magic number, version, system, object, storage keys) and then the values.
LEGACY_PICKLES = 5


@dataclass(frozen=True)
class Stored:
    """The contents of a checkpoint file.

    `ordered` says whether the file keeps the order in which a module defines its tensors: safetensors sorts by name.
    `note` is what our own training wrote beside them.
    """

    path: Path
    tree: Any
    kind: Kind
    ordered: bool
    sha256: str
    note: Note | None = None


def read(path: Path) -> Stored:
    """Everything in `path`, on the CPU, as stored.

    Raises:
        FileMissing, FileUnreadable, CheckpointFormat, CheckpointUnsafe, CheckpointContent: what is wrong with the file.
    """
    stored_as, hashed = kind(path), digest(path)
    try:
        if stored_as == "safetensors":
            tensors, metadata = _safetensors(path)
            return Stored(path, tensors, stored_as, ordered=False, sha256=hashed, note=note_in(path, metadata))
        if stored_as == "zip":
            archive.check(path)
        else:
            _check_legacy(path)
    except OSError as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check the disk and the permissions") from error
    return Stored(path, _torch(path), stored_as, ordered=True, sha256=hashed)


def digest(path: Path) -> str:
    """The sha256 of a file in hex.

    Raises:
        FileMissing, FileUnreadable.
    """
    try:
        return sha256(path)
    except FileNotFoundError as error:
        raise FileMissing(f"no such checkpoint: {path}", "", "check the path") from error
    except OSError as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check the path and its permissions") from error


def _check_legacy(path: Path) -> None:
    with path.open("rb") as file:
        start = BytesIO(file.read(pickles.MAX_PICKLE))
    for _ in range(LEGACY_PICKLES):
        pickles.check(path, start)


def _torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:    # torch raises a dozen types for damaged files, of which none is documented
        raise CheckpointFormat(f"{path} is damaged or truncated", f"torch cannot read it: {_without_advice(error)}",
                               "fetch or save the file again") from error


def _safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str] | None]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118 - not a mapping
    except (SafetensorError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, MemoryError) as error:
        raise CheckpointFormat(f"{path} is no valid safetensors file", first_sentence(error),
                               "fetch or save the file again") from error


def _without_advice(error: Exception) -> str:
    """torch's reason without its advice, which is to switch its safety off."""
    return first_sentence(error).partition(". Please use `torch")[0]
