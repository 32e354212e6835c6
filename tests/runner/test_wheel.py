"""`make wheel`: whoever installs the wheel has the programs for phones, and needs neither compiler nor npm for them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ghostdeploy.device.android.pinned import ABIS
from tests.commands import ROOT

ASK = """
import sys, json
sys.modules["ziglang"] = None                       # as where it is not installed
from ghostdeploy.device.android.pinned import ABIS
from ghostdeploy.device.android.programs import phone_program, ready
found = {}
for abi in ABIS:
    assert ready(abi)
    for runtime in ("tflite", "executorch"):
        program = phone_program(runtime, abi)
        found[f"{abi}/{runtime}"] = [str(program.program.path), program.program.sha256]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made in a copy of this tree, by the command that makes releases; the tools are those of this environment."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("ghostdeploy", "models", "android_bench"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("built", "__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, copy)
    ended = subprocess.run(["make", "-C", str(copy), "-o", "setup", "wheel", f"VENV={Path(sys.prefix)}"],
                           capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return next((copy / "dist").glob("*.whl"))


def test_the_programs_are_inside_with_their_hashes(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for abi in ABIS:
            folder = f"ghostdeploy/android_bench/built/{abi}"
            index = json.loads(archive.read(f"{folder}/built.json"))
            assert index["abi"] == abi and len(index["files"]) == 3
            for name, sha256 in index["files"].items():
                assert hashlib.sha256(archive.read(f"{folder}/{name}")).hexdigest() == sha256, name


def test_they_are_used_without_a_compiler_and_without_a_cache(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site), "PATH": "/nowhere",
                   "GHOSTDEPLOY_CACHE": str(tmp_path / "cache")}
    ended = subprocess.run([sys.executable, "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, text=True,
                           timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert len(found) == 2 * len(ABIS)
    for path, sha256 in found.values():
        assert Path(path).is_relative_to(site)
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == sha256
    assert not (tmp_path / "cache").exists()
