"""The installed package is whole: a wheel carries the model cards, schemas, templates and the runner's sources."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.commands import ROOT


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, unpacked where nothing of the repository is in sight."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
                    "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=120)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_data_reaches_the_package(unpacked: Path) -> None:
    package = unpacked / "ghostdeploy"
    assert len(list((package / "models").glob("**/*.toml"))) == len(list((ROOT / "models").glob("**/*.toml"))) > 40
    for name in ("android_bench/README.md", "schemas/manifest.schema.json", "schemas/result.schema.json",
                 "bundle/templates/MODEL_CARD.md", "py.typed"):
        assert (package / name).is_file(), name


def test_it_runs_away_from_the_repository(unpacked: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    ended = subprocess.run([sys.executable, "-c", "import ghostdeploy; print(ghostdeploy.__file__); "
                            "from ghostdeploy.cli import main; main()", "models", "--json"],
                           cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(str(unpacked)) and "ghostnetv3_100" in ended.stdout
