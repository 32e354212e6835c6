"""`--runtime FILE`: real Android libraries accepted or refused by reading them, each refusal with its reason."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

import pytest

from ghostdeploy.device.android import elf, store
from ghostdeploy.device.android.given import given_library
from ghostdeploy.device.android.pinned import ABIS, Abi, RuntimeName
from ghostdeploy.device.android.programs import phone_program
from ghostdeploy.device.android.store import RuntimeLibrary
from ghostdeploy.errors import FileMissing
from ghostdeploy.phone_errors import RuntimeRejected


@cache
def parts(name: RuntimeName, abi: Abi) -> tuple[elf.Elf, elf.Elf | None]:
    """The program, and what is pushed beside it."""
    found = phone_program(name, abi)
    beside = elf.parse(found.beside[0].path.read_bytes()) if found.beside else None
    return elf.parse(found.program.path.read_bytes()), beside


def give(file: Path, name: RuntimeName, scratch: Path, abi: Abi = "arm64-v8a", page_size: int = 4096,
         api: int = 26) -> RuntimeLibrary:
    program, beside = parts(name, abi)
    return given_library(file, name, abi, program, beside, page_size, api, scratch)


@pytest.mark.parametrize("abi", ABIS)
@pytest.mark.parametrize("name", ["tflite", "executorch"])
def test_the_pinned_library_given_as_a_file(name: RuntimeName, abi: Abi, tmp_path: Path) -> None:
    known = store.runtime_library(name, abi)
    given = give(known.path, name, tmp_path, abi)
    assert (given.sha256, given.soname, given.abi) == (known.sha256, known.soname, abi)
    assert given.version == ("2.14.0" if name == "tflite" else "not told by the library")
    assert given.origin == f"--runtime {known.path.name}"


@pytest.mark.parametrize("name", ["tflite", "executorch"])
def test_out_of_an_aar(name: RuntimeName, tmp_path: Path) -> None:
    archive = tmp_path / "app.aar"
    with zipfile.ZipFile(archive, "w") as package:
        for abi in ABIS:
            known = store.runtime_library(name, abi)
            package.write(known.path, f"jni/{abi}/{known.soname}")
    assert give(archive, name, tmp_path).sha256 == store.runtime_library(name, "arm64-v8a").sha256
    other: RuntimeName = "executorch" if name == "tflite" else "tflite"
    with pytest.raises(RuntimeRejected) as caught:
        give(archive, other, tmp_path)
    assert store.runtime_library(name, "arm64-v8a").soname in caught.value.why


def refused(file: Path, name: RuntimeName, scratch: Path, why: str, **phone: int) -> None:
    with pytest.raises(RuntimeRejected) as caught:
        give(file, name, scratch, **phone)     # type: ignore[arg-type]
    assert why in caught.value.why
    assert caught.value.next


def test_refusals(tmp_path: Path) -> None:
    tflite, executorch = (store.runtime_library(name, "arm64-v8a").path for name in ("tflite", "executorch"))
    refused(store.runtime_library("tflite", "x86_64").path, "tflite", tmp_path, "built for x86_64")
    refused(tflite, "tflite", tmp_path, "pages of 16384", page_size=16384)
    refused(tflite, "tflite", tmp_path, "API level 26", api=25)
    refused(executorch, "tflite", tmp_path, "lacks 2")
    refused(tflite, "executorch", tmp_path, "functions that are called: _Z")
    assert give(executorch, "executorch", tmp_path, page_size=16384).sha256


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        give(tmp_path / "none.so", "tflite", tmp_path)
    for suffix in (".so", ".aar"):
        path = tmp_path / f"text{suffix}"
        path.write_text("hello")
        with pytest.raises(RuntimeRejected):
            give(path, "tflite", tmp_path)
    data = store.runtime_library("tflite", "arm64-v8a").path.read_bytes()
    for share in (0.001, 0.1, 0.5):
        path = tmp_path / "cut.so"
        path.write_bytes(data[:int(len(data) * share)])
        with pytest.raises(RuntimeRejected):
            give(path, "tflite", tmp_path)


def test_every_function_looked_up_by_name_is_checked() -> None:
    """What the check reads out of the program is what tflite_api.h lists."""
    import re

    from ghostdeploy.device.android.given import _called
    from ghostdeploy.resources import folder

    listed = re.findall(r"F\([^,]+, (TfLite\w+),", (folder("android_bench") / "src" / "tflite_api.h").read_text())
    assert len(listed) > 20
    for abi in ABIS:
        assert _called("tflite", *parts("tflite", abi)) == set(listed)
