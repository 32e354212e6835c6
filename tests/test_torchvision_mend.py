"""The mend is tried in fresh processes: what it repairs happens once per process, at import."""

from __future__ import annotations

import subprocess
import sys

import pytest

BREAKS = "operator torchvision::nms does not exist"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def broken_here() -> bool:
    """Is this the environment that the mend is for?"""
    return BREAKS in run("import torchvision").stderr


def test_timm_and_torchvision_import_after_the_mend_and_a_garbage_collection(broken_here: bool) -> None:
    done = run("from ghostdeploy.torchvision_mend import mend\n"
               "first, again = mend(), mend()\n"
               "import gc; gc.collect()\n"
               "import timm, torchvision\n"
               "timm.create_model('mobilenetv3_small_050', pretrained=False)\n"
               "torchvision.models.shufflenet_v2_x0_5()\n"
               "print(first, again)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(broken_here)] * 2


def test_nothing_is_declared_where_the_operators_exist_already() -> None:
    done = run("import torch\n"
               "library = torch.library.Library('torchvision', 'DEF')\n"
               "library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
               "from ghostdeploy import torchvision_mend\n"
               "print(torchvision_mend.mend(), torchvision_mend._declared)")
    assert done.stdout.split() == ["False", "[]"], done.stderr


def test_nothing_is_declared_where_torchvision_is_not_installed() -> None:
    done = run("import importlib.util as u\n"
               "find = u.find_spec\n"
               "u.find_spec = lambda name, *a: None if name == 'torchvision' else find(name, *a)\n"
               "from ghostdeploy.torchvision_mend import mend\n"
               "print(mend())")
    assert done.stdout.strip() == "False", done.stderr
