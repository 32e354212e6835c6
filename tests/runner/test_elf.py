"""The ELF reader: right on real Android libraries, and nothing but ElfError on broken ones."""

from __future__ import annotations

import random
import struct
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostdeploy.device.android import elf, store
from ghostdeploy.device.android.pinned import ABIS, Abi, RuntimeName
from ghostdeploy.device.android.tflite_version import tflite_version


@cache
def data(name: RuntimeName, abi: Abi) -> bytes:
    return store.runtime_library(name, abi).path.read_bytes()


@pytest.mark.parametrize("abi", ABIS)
def test_tflite(abi: Abi) -> None:
    library = elf.parse(data("tflite", abi))
    assert (library.abi, library.soname, library.android_api) == (abi, "libtensorflowlite_jni.so", 26)
    assert library.page_alignment == 4096     # so phones with 16 KB pages cannot load it
    assert set(library.needed) == {"libm.so", "libdl.so", "liblog.so", "libc.so"}
    assert {"TfLiteVersion", "TfLiteInterpreterInvoke", "TfLiteXNNPackDelegateCreate"} <= set(library.exports)
    assert {"malloc", "pthread_create"} <= library.imports
    assert {"LIBC"} <= {symbol.version for symbol in library.symbols if not symbol.defined}
    assert tflite_version(library) == "2.14.0"


@pytest.mark.parametrize("abi", ABIS)
def test_executorch(abi: Abi) -> None:
    library = elf.parse(data("executorch", abi))
    assert (library.abi, library.soname, library.android_api) == (abi, "libexecutorch_jni.so", 26)
    assert library.page_alignment == 16384
    assert "libfbjni.so" in library.needed
    assert any("get_threadpool" in name for name in library.exports)
    assert tflite_version(library) is None


@pytest.mark.parametrize("junk", [b"", b"\x7fELF", b"MZ" * 100, b"\x7fELF" + b"\0" * 200,
                                  b"\x7fELF\x02\x01" + b"\xff" * 200])
def test_no_library(junk: bytes) -> None:
    with pytest.raises(elf.ElfError):
        elf.parse(junk)


def test_another_machine_is_named() -> None:
    header = bytearray(data("tflite", "x86_64")[:64])
    header[4] = 1
    struct.pack_into("<H", header, 18, 40)
    with pytest.raises(elf.ElfError, match="armeabi-v7a"):
        elf.parse(bytes(header))


@settings(max_examples=80, deadline=None)
@given(share=st.floats(0, 0.999))
def test_truncated(share: float) -> None:
    whole = data("tflite", "arm64-v8a")
    try:
        parsed = elf.parse(whole[:int(len(whole) * share)])
    except elf.ElfError:
        return
    assert parsed.abi == "arm64-v8a"    # what the tables need was still there


@pytest.mark.parametrize("seed", range(60))
def test_spoilt(seed: int) -> None:
    """Random bytes changed in headers, tables and the dynamic section; also what decodes the version must not crash."""
    draw, spoilt = random.Random(seed), bytearray(data("tflite", "x86_64"))
    dynamic = next(struct.unpack_from("<IIQQQQQQ", spoilt, 64 + 56 * i)[2] for i in range(10)
                   if struct.unpack_from("<I", spoilt, 64 + 56 * i)[0] == 2)
    for _ in range(draw.randrange(1, 12)):
        area = draw.choice([(4, 64), (64, 64 + 56 * 9), (dynamic, dynamic + 480), (0x200, 0x1c000)])
        spoilt[draw.randrange(*area)] = draw.randrange(256)
    with suppress(elf.ElfError):
        tflite_version(elf.parse(bytes(spoilt)))
