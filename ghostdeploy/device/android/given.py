"""`--runtime FILE.so|FILE.aar`: the very library that an app ships, checked by reading it before a phone sees it.

What can be known without running it is checked: the ABI, the functions that the benchmark program calls, what it needs
from elsewhere, on which page sizes it loads, since which API level, and the version where it can be told. ExecuTorch's
interface is C++: the mangled names carry the types of the calls, but not the layout of objects, so there the parity of
the output remains the last word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ghostdeploy.device.android import elf
from ghostdeploy.device.android.pinned import Abi, RuntimeName
from ghostdeploy.device.android.store import RuntimeLibrary
from ghostdeploy.device.android.tflite_version import tflite_version
from ghostdeploy.errors import FileMissing
from ghostdeploy.phone_errors import RuntimeRejected
from ghostdeploy.registry.archives import ArchiveError, aar_libraries

FILE_NAMES: Final[dict[RuntimeName, tuple[str, ...]]] = {
    "tflite": ("libtensorflowlite_jni.so", "libtensorflowlite_c.so", "libLiteRt.so"),
    "executorch": ("libexecutorch.so", "libexecutorch_jni.so")}
ON_EVERY_PHONE = frozenset({"libc.so", "libm.so", "libdl.so", "liblog.so", "libandroid.so", "libEGL.so", "libGLESv2.so",
                            "libGLESv3.so", "libz.so", "libnativewindow.so", "libneuralnetworks.so", "libvulkan.so"})
OWN_SONAME = "libexecutorch_jni.so"     # what the ExecuTorch program asks the loader for


def given_library(file: Path, name: RuntimeName, abi: Abi, program: elf.Elf, beside: elf.Elf | None, page_size: int,
                  api_level: int, scratch: Path) -> RuntimeLibrary:
    """The library in `file`, if a phone can load it and `program` can run it.

    Args:
        program: the benchmark program for `abi`; what it imports, the library must have.
        beside: the library that is pushed along with an ExecuTorch program (libfbjni.so).
        page_size, api_level: of the phone.
        scratch: an existing directory for a library out of an AAR; it must outlive the result.

    Raises:
        FileMissing: there is no such file.
        RuntimeRejected: it does not fit; `why` says which of the checks, and what was found.
    """
    if not file.is_file():
        raise FileMissing(f"{file} does not exist", "--runtime names it", "give the path of a .so or an .aar")
    path = file if file.suffix == ".so" else _out_of_archive(file, name, abi, scratch)
    data = path.read_bytes()
    try:
        library = elf.parse(data)
        _check(library, name, abi, program, beside, page_size, api_level)
    except (elf.ElfError, _MisfitError) as error:
        raise RuntimeRejected(f"{file.name} cannot be measured as {name} on this phone", str(error),
                              f"give another library for {abi}, or leave --runtime out for the known one") from error
    version = tflite_version(library) if name == "tflite" else None
    return RuntimeLibrary(name, abi, path, library.soname or path.name, version or "not told by the library",
                          hashlib.sha256(data).hexdigest(), f"--runtime {file.name}")


def runtime_of(file: Path, abi: Abi) -> RuntimeName:
    """Which runtime the library in `file` is; the caller measures the other format with the pinned one.

    Raises:
        FileMissing: there is no such file.
        RuntimeRejected: it is neither of the two, or no library or archive at all.
    """
    if not file.is_file():
        raise FileMissing(f"{file} does not exist", "--runtime names it", "give the path of a .so or an .aar")
    if file.suffix == ".so":
        try:
            library = elf.parse(file.read_bytes())
        except elf.ElfError as error:
            raise RuntimeRejected(f"{file.name} is no library", str(error), "give a .so or an .aar") from error
        if "TfLiteVersion" in library.exports:
            return "tflite"
        if any("10executorch" in name for name in library.exports):
            return "executorch"
    else:
        held = _libraries(file, abi)
        for name, names in FILE_NAMES.items():
            if any(wanted in held for wanted in names):
                return name
    raise RuntimeRejected(f"{file.name} holds neither runtime for {abi}",
                          "a TensorFlow Lite library exports TfLiteVersion, an ExecuTorch library its C++ interface",
                          f"give another library for {abi}, or leave --runtime out for the known ones")


def _libraries(file: Path, abi: Abi) -> Mapping[str, bytes]:
    try:
        return aar_libraries(file, abi)
    except ArchiveError as error:
        raise RuntimeRejected(f"{file.name} is no AAR that can be read", str(error), "give a .so or an .aar") from error


class _MisfitError(ValueError):
    """One check that a library did not pass; the message is for the user."""


def _check(library: elf.Elf, name: RuntimeName, abi: Abi, program: elf.Elf, beside: elf.Elf | None, page_size: int,
           api_level: int) -> None:
    if library.abi != abi:
        raise _MisfitError(f"it is built for {library.abi}, and the phone is {abi}")
    if library.page_alignment < page_size or library.page_alignment % page_size:
        raise _MisfitError(f"it is aligned to pages of {library.page_alignment} bytes, and the phone has pages of "
                           f"{page_size}: a newer release of the library is needed")
    if library.android_api is not None and library.android_api > api_level:
        raise _MisfitError(f"it needs Android API level {library.android_api}, and the phone has {api_level}")
    if missing := _called(name, program, beside) - set(library.exports):
        shown = ", ".join(sorted(missing)[:4])
        raise _MisfitError(f"it lacks {len(missing)} functions that are called: {shown}")
    present = {beside.soname} if beside else set()
    if unmet := set(library.needed) - ON_EVERY_PHONE - present:
        raise _MisfitError(f"it needs {', '.join(sorted(unmet))}, which phones do not have")
    _check_version(library, name, beside)


def _check_version(library: elf.Elf, name: RuntimeName, beside: elf.Elf | None) -> None:
    if name == "tflite":
        version = tflite_version(library)
        if version is not None and not version.startswith(("2.", "1.")):      # LiteRT counts from 1 again
            raise _MisfitError(f"it is TensorFlow Lite {version}, and 2.x (or LiteRT 1.x, 2.x) is known here")
        return
    if library.soname != OWN_SONAME:
        raise _MisfitError(f"its soname is {library.soname}, and the program is linked to {OWN_SONAME}")
    wanted = {n for n in library.imports if "8facebook3jni" in n}
    if beside is not None and (unmet := wanted - set(beside.exports)):
        raise _MisfitError(f"it needs more of fbjni than the stand-in has: {', '.join(sorted(unmet)[:3])}")


def _called(name: RuntimeName, program: elf.Elf, beside: elf.Elf | None) -> set[str]:
    """Functions of the runtime that the program calls: its own imports, or for TFLite those it looks up by name."""
    if name == "tflite":
        return {text.decode() for text in program.data.split(b"\0") if text.startswith(b"TfLite") and text.isalnum()}
    return {symbol for symbol in program.imports if symbol.startswith("_Z")} - set(beside.exports if beside else ())


def _out_of_archive(file: Path, name: RuntimeName, abi: Abi, scratch: Path) -> Path:
    libraries = _libraries(file, abi)
    for wanted in FILE_NAMES[name]:
        if wanted in libraries:
            path = scratch / wanted
            path.write_bytes(libraries[wanted])
            return path
    held = ", ".join(sorted(libraries)) or "no library at all"
    raise RuntimeRejected(f"{file.name} holds no {name} library for {abi}", f"for {abi} it has {held}",
                          f"wanted is one of {', '.join(FILE_NAMES[name])}")
