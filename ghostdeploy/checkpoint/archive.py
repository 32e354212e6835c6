"""Looks through a zip that torch.save wrote, before torch does."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from ghostdeploy.checkpoint import pickles
from ghostdeploy.errors import CheckpointFormat, CheckpointUnsafe

# torch.save stores without compression, so the members together are smaller than the file. Twice leaves room for files
# that somebody packed again; a bomb has a ratio of hundreds.
MAX_RATIO = 2.0


def check(path: Path) -> None:
    """Let only archives pass that torch.save wrote, that do not unpack to more, and whose pickle is plain.

    Raises:
        CheckpointFormat: truncated, a TorchScript or torch.export archive, or another zip.
        CheckpointUnsafe: a zip bomb, or a pickle with objects in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_size(path, members)
            record = _pickle(path, [member.filename for member in members])
            if archive.getinfo(record).file_size > pickles.MAX_PICKLE:
                raise CheckpointUnsafe(f"{path} has a pickle of {archive.getinfo(record).file_size >> 20} MiB",
                                       "weights lie outside the pickle, so it holds something else",
                                       "save the weights alone: torch.save(model.state_dict(), ...)")
            pickle = BytesIO(archive.read(record))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise CheckpointFormat(f"{path} is truncated or damaged", f"its zip archive cannot be read: {error}",
                               "fetch the file again") from error
    pickles.check(path, pickle)


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    size, unpacked = path.stat().st_size, sum(member.file_size for member in members)
    if unpacked > MAX_RATIO * size:
        raise CheckpointUnsafe(f"{path} has {size:,} bytes and unpacks to {unpacked:,}",
                               "torch.save does not compress: this is a zip bomb, or was packed by something else",
                               "save it again with torch.save")
    if len({member.filename for member in members}) < len(members):
        raise CheckpointUnsafe(f"{path} holds two members of one name",
                               "torch.save never writes that, and readers differ on which of them counts",
                               "save it again with torch.save")


def _pickle(path: Path, names: list[str]) -> str:
    """The name of the pickle in a torch.save archive; other archives are refused by what they are."""
    leaves = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in leaves or any(leaf.startswith("code/") for leaf in leaves):
        raise CheckpointFormat(f"{path} is a TorchScript archive", "it holds a compiled program, not a state dict",
                               "load it in Python and save its weights: torch.save(scripted.state_dict(), ...)")
    if "archive_format" in leaves or any(leaf.startswith("models/") for leaf in leaves):
        raise CheckpointFormat(f"{path} is a torch.export archive", "it holds a traced program, not a state dict",
                               "save the weights of the module that was exported: torch.save(model.state_dict(), ...)")
    records = [name for name in names if name == "data.pkl" or (name.endswith("/data.pkl") and name.count("/") == 1)]
    if len(records) != 1:
        named = "a NumPy archive" if any(name.endswith(".npy") for name in names) else "a zip archive of something else"
        raise CheckpointFormat(f"{path} is not a checkpoint", f"it is {named}",
                               "give a .pth, .pt, .pth.tar or .safetensors file")
    return records[0]
