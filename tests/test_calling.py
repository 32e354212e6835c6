"""Modules that are no classifiers, and modules that the caller goes on using."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ghostdeploy.errors import ExportFailed, InputSizeRejected, ModelRejected
from ghostdeploy.exporter import export
from tests.tiny import CLASSES, factory


class Returning(nn.Module):
    """A convolution whose output goes through `change`."""

    def __init__(self, change: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.conv, self.change = nn.Conv2d(3, CLASSES, 3), change

    def forward(self, x: torch.Tensor) -> object:
        return self.change(self.conv(x).mean((2, 3)))


@pytest.mark.parametrize("change", [lambda y: (y, y), lambda y: {"logits": y}, lambda y: y[:, :, None, None],
                                    lambda y: y.squeeze(0), lambda y: y.double(), lambda y: y.argmax(-1)])
def test_what_is_no_classifier_is_refused(change: Callable[[torch.Tensor], object], tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="returns") as caught:
        export(Returning(change).eval(), tmp_path / "out", input_size=32)
    assert "[1, classes]" in caught.value.why
    assert os.listdir(tmp_path) == []


def test_half_precision_modules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="weight of Tiny is float16"):
        export(factory().half(), tmp_path / "out", input_size=32)


def test_a_bare_assertion_is_a_refusal_of_the_size(tmp_path: Path) -> None:
    def refuse(y: torch.Tensor) -> torch.Tensor:
        raise AssertionError

    with pytest.raises(InputSizeRejected, match="1x3x32x32"):
        export(Returning(refuse).eval(), tmp_path / "out", input_size=32)


def test_any_other_failure_names_itself(tmp_path: Path) -> None:
    def fail(y: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such head")

    with pytest.raises(ExportFailed, match="before any tracing") as caught:
        export(Returning(fail).eval(), tmp_path / "out", input_size=32)
    assert "no such head" in caught.value.why


def test_a_module_in_training_mode_is_exported_as_it_infers_and_left_as_it_was(tmp_path: Path) -> None:
    module = factory().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    bundle = export(module, tmp_path / "out", formats=("tflite",), input_size=32)
    assert bundle.manifest["artifacts"][0]["parity"]["max_rel_error"] < 1e-5
    assert all(m.training for m in module.modules())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
