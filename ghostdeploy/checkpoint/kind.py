"""Tells by its first bytes what a file is, and refuses what is no checkpoint by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ghostdeploy.errors import CheckpointFormat, CheckpointUnsafe, FileMissing, FileUnreadable

Kind = Literal["zip", "legacy", "safetensors"]

ZIP = b"PK\x03\x04"
# What torch.save wrote before version 1.6: a pickled magic number, then version, system, object, storages.
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# The largest model of the zoo has 0.35 GB; a training checkpoint, with optimizer state and average, four times that.
MAX_BYTES = 8 << 30
# safetensors' own limit on its header.
MAX_HEADER = 100_000_000

# What people hand over by mistake: (offset, bytes, name).
OTHERS = (
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras)"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (4, b"TFL3", "a TFLite model"),
    (4, b"ET12", "an ExecuTorch program"),
    (0, b"\x08\x08\x12", "an ONNX model"), (0, b"\x08\x09\x12", "an ONNX model"), (0, b"\x08\x0a\x12", "an ONNX model"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\xff\xd8\xff", "a JPEG picture"), (0, b"\x89PNG", "a PNG picture"), (0, b"%PDF", "a PDF"),
    (0, b"\x7fELF", "a program"),
    (0, b"version https://git-lfs", "a Git LFS pointer: `git lfs pull` fetches the file itself"),
    (0, b"<!DOCTYPE", "a web page, not what it was meant to link to"),
    (0, b"<html", "a web page, not what it was meant to link to"),
)
NEXT = "give a .pth, .pt, .pth.tar or .safetensors file"


def kind(path: Path) -> Kind:
    """How `path` is stored, whatever it is called.

    Raises:
        FileMissing, FileUnreadable: it is not there, is a directory, or cannot be opened.
        CheckpointFormat: empty, too large, or another kind of file.
        CheckpointUnsafe: a pickle that torch.save did not write.
    """
    head, size = _head(path)
    if size == 0:
        raise CheckpointFormat(f"{path} is empty", "the copy or download that made it failed", "fetch the file again")
    if size > MAX_BYTES:
        raise CheckpointFormat(f"{path} has {size / 2**30:.1f} GiB", f"the limit is {MAX_BYTES >> 30} GiB",
                               "save the weights alone: torch.save(model.state_dict(), ...)")
    if head.startswith(ZIP):
        return "zip"
    if head.startswith(LEGACY):
        return "legacy"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER:
        return "safetensors"
    raise _refusal(path, head)


def _head(path: Path) -> tuple[bytes, int]:
    try:
        if path.is_dir():
            raise FileUnreadable(f"{path} is a directory", "", NEXT)
        if path.exists() and not path.is_file():
            raise FileUnreadable(f"{path} is no regular file", "", NEXT)
        with path.open("rb") as file:
            return file.read(512), path.stat().st_size
    except FileNotFoundError as error:
        raise FileMissing(f"no such checkpoint: {path}", "", "check the path") from error
    except (OSError, ValueError) as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check the path and its permissions") from error


def _refusal(path: Path, head: bytes) -> CheckpointFormat | CheckpointUnsafe:
    if LEGACY.startswith(head[:len(LEGACY)]):
        return CheckpointFormat(f"{path} ends after {len(head)} bytes", "it is truncated", "fetch the file again")
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return CheckpointUnsafe(f"{path} is a Python pickle that torch.save did not write",
                                "a pickle can run any code when it is opened, so it was not",
                                "save the weights with torch.save(model.state_dict(), ...) or as .safetensors")
    name = next((name for at, magic, name in OTHERS if head[at:at + len(magic)] == magic), None)
    if name is None:
        printable = head[:64].strip() and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head[:64])
        name = "a text file" if printable else None
    return CheckpointFormat(f"{path} is not a checkpoint", f"it is {name}" if name else
                            f"it begins with the bytes {head[:8].hex(' ')}, which is no format that we know", NEXT)
