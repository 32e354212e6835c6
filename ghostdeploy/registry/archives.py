"""Reading members of a tarball or an AAR: regular files only, at their stated size, never written outside a folder."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

NPM_ROOT = "package"            # npm puts everything under this folder
LARGEST_MEMBER = 256 << 20      # the largest library that anyone ships here is 28 MB; what unpacks to more is a bomb


class ArchiveError(ValueError):
    """Raised when an archive is broken, lacks a member, or holds something else under its name."""


def tar_member(archive: Path, member: str, size: int | None = None) -> bytes:
    """The file `member` of an npm tarball, if it is `size` bytes long, where that is given.

    Raises:
        ArchiveError: see there.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            found = tar.getmember(f"{NPM_ROOT}/{member}")
            if not found.isreg() or found.size > LARGEST_MEMBER or found.size != (found.size if size is None else size):
                raise ArchiveError(f"{member} is no file of {size} bytes")
            opened = tar.extractfile(found)
            assert opened is not None    # it is a regular file
            return opened.read(found.size)
    except (KeyError, tarfile.TarError, OSError, EOFError) as error:
        raise ArchiveError(f"{member} cannot be read from {archive.name}: {error}") from error


def unpack_folder(archive: Path, folder: str, into: Path) -> int:
    """Write the regular files below `folder` of an npm tarball into the directory `into`; returns how many.

    Raises:
        ArchiveError: broken, nothing there, or a member that would leave `into`.
    """
    count, root = 0, PurePosixPath(NPM_ROOT) / folder
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if root not in path.parents or not member.isreg():
                    continue
                if ".." in path.parts or member.size > LARGEST_MEMBER:
                    raise ArchiveError(f"{member.name} in {archive.name} is not acceptable")
                target = into.joinpath(*path.relative_to(root).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                opened = tar.extractfile(member)
                assert opened is not None    # it is a regular file
                target.write_bytes(opened.read())
                count += 1
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"{archive.name} is broken: {error}") from error
    if not count:
        raise ArchiveError(f"{archive.name} has no folder {folder}")
    return count


def aar_libraries(archive: Path, abi: str) -> Mapping[str, bytes]:
    """The native libraries of an Android archive (AAR, or APK) for one ABI, by file name.

    Raises:
        ArchiveError: see there; a member that unpacks to more than it says is broken.
    """
    found = {}
    try:
        with zipfile.ZipFile(archive) as package:
            for info in package.infolist():
                path = PurePosixPath(info.filename)
                if len(path.parts) != 3 or path.parts[0] not in ("jni", "lib") or path.parts[1] != abi or info.is_dir():
                    continue
                if info.file_size > LARGEST_MEMBER or path.suffix != ".so":
                    raise ArchiveError(f"{info.filename} in {archive.name} is not acceptable")
                found[path.name] = package.read(info)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ArchiveError(f"{archive.name} cannot be read: {error}") from error
    return found
