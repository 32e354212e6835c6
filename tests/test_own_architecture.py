"""`--model package.module:factory`: networks that we do not know, in whatever way their authors wrote them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ghostdeploy
from ghostdeploy.architecture import build_user
from ghostdeploy.checkpoint.inspection import inspect
from ghostdeploy.cost import macs
from ghostdeploy.errors import CheckpointContent, CheckpointMismatch, InputSizeRejected, UsageError
from ghostdeploy.loading import at_size
from ghostdeploy.model import Model, Weights
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.trace import trace
from tests import checkpoints
from tests.checkpoints import save
from tests.tiny import factory

HERE = "tests.test_own_architecture"


class Wrapper(nn.Module):
    """Its only child is called what wrappers call theirs, so that every name begins with `model.`."""

    def __init__(self) -> None:
        super().__init__()
        self.model = factory()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class Plain(nn.Module):
    """Keeps constants as plain attributes, and makes one in its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.full((1, 3, 1, 1), 0.4)
        self.body = factory()

    def forward(self, x: Tensor) -> Tensor:
        ramp = torch.arange(x.shape[3], dtype=x.dtype, device=x.device)
        out: Tensor = self.body((x - self.mean) + 0.01 * ramp)
        return out


class Picky(nn.Module):
    """Refuses without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 7)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] != 64:
            raise AssertionError    # a bare `assert`, which pytest would give words
        out: Tensor = self.head(x.mean((2, 3)))
        return out


class Indexed(nn.Module):
    """Two buffers of whole numbers: an index, as in Swin, and a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Parameter(torch.randn(4)), nn.Linear(3, 7)
        self.register_buffer("relative_position_index", torch.zeros(3, dtype=torch.int64))
        self.register_buffer("mask", torch.zeros(7, dtype=torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        biased = self.head(x.mean((2, 3)) + self.table[self.relative_position_index])  # type: ignore[index]
        return torch.where(self.mask, -biased, biased)  # type: ignore[arg-type]


def own(module: nn.Module) -> Model:
    return Model(module.eval(), "own", Weights("module"), Preprocessing())


# ---- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module._orig_mod."])
def test_an_attribute_called_as_a_wrapper_is(tmp_path: Path, prefix: str) -> None:
    state = {prefix + key: value for key, value in Wrapper().state_dict().items()}
    assert all(key.startswith(f"{prefix}model.") for key in state)
    loaded = ghostdeploy.load(save(tmp_path / "a.pth", {"state_dict": state}), model=f"{HERE}:Wrapper")
    assert checkpoints.same_weights(loaded.module, Wrapper())


def test_wrappers_still_come_off(tmp_path: Path) -> None:
    state = {f"model.module.{key}": value for key, value in factory().state_dict().items()}
    loaded = ghostdeploy.load(save(tmp_path / "a.pth", state), model="tests.tiny:factory")
    assert checkpoints.same_weights(loaded.module, factory())


def test_what_does_not_fit_is_told_under_the_nearest_names(tmp_path: Path) -> None:
    state = {f"model.{key}": value for key, value in factory().state_dict().items()}
    state["model.head.weight"] = torch.zeros(7, 9)
    with pytest.raises(CheckpointMismatch) as caught:
        ghostdeploy.load(save(tmp_path / "a.pth", state), model="tests.tiny:factory")
    assert caught.value.why.endswith("first differences: head.weight is [7, 9], not [7, 8]")


# ---- whole numbers ----------------------------------------------------------------------------------------------


def test_buffers_of_whole_numbers_are_loaded(tmp_path: Path) -> None:
    state = Indexed().state_dict()
    state["relative_position_index"] = torch.tensor([3, 1, 2])
    state["mask"] = torch.tensor([True, False, True, False, False, False, True])
    path = save(tmp_path / "a.pth", state)
    module = ghostdeploy.load(path, model=f"{HERE}:Indexed").module
    for key, value in module.state_dict().items():
        assert value.dtype == state[key].dtype
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize(("key", "value", "says"), [
    ("head.weight", torch.zeros(7, 3, dtype=torch.int8), "head.weight is stored as int8"),
    ("table", torch.zeros(4, dtype=torch.bool), "table is stored as bool"),
    ("relative_position_index", torch.tensor([3.0, 1.0, 2.0]), "relative_position_index is stored as a float"),
])
def test_the_wrong_kind_of_number_is_refused(tmp_path: Path, key: str, value: Tensor, says: str) -> None:
    path = save(tmp_path / "a.pth", {**Indexed().state_dict(), key: value})
    with pytest.raises(CheckpointContent, match=says):
        ghostdeploy.load(path, model=f"{HERE}:Indexed")


def test_weights_of_the_zoo_are_no_whole_numbers(tmp_path: Path) -> None:
    state = checkpoints.state()
    state["fc.weight"] = state["fc.weight"].to(torch.int8)
    with pytest.raises(CheckpointContent, match=r"fc\.weight is stored as int8"):
        ghostdeploy.load(save(tmp_path / "a.pth", state))


# ---- input sizes ------------------------------------------------------------------------------------------------


def test_a_plain_tensor_does_not_forbid_an_input_size(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", Plain().state_dict())
    assert ghostdeploy.load(path, model=f"{HERE}:Plain", input_size=48).preprocessing.input_size == 48


def test_a_refusal_without_a_word(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", Picky().state_dict())
    with pytest.raises(InputSizeRejected, match="cannot take an input of shape 1x3x32x32") as caught:
        ghostdeploy.load(path, model=f"{HERE}:Picky", input_size=32)
    assert caught.value.why == "AssertionError"


def test_sizes_for_models_that_are_loaded_already() -> None:
    model = own(Picky())
    assert at_size(model, None) is model
    assert at_size(model, 64).preprocessing.input_size == 64
    with pytest.raises(InputSizeRejected):
        at_size(model, 96)
    for size in (0, -3):
        with pytest.raises(UsageError, match="out of range"):
            at_size(model, size)


def test_trying_a_size_leaves_a_module_in_training_as_it_is() -> None:
    module = factory().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    at_size(Model(module, "own", Weights("module"), Preprocessing()), 48)
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_sizes_of_the_zoos_models() -> None:
    fixed = ghostdeploy.load(model="deit_tiny_patch16_224", random_weights=True)
    assert at_size(fixed, 224) is fixed
    with pytest.raises(InputSizeRejected, match="224x224 images only"):
        at_size(fixed, 192)


# ---- inspect ----------------------------------------------------------------------------------------------------


def test_inspect_counts_a_module_with_plain_tensors(tmp_path: Path) -> None:
    found = inspect(save(tmp_path / "a.pth", Plain().state_dict()), model=f"{HERE}:Plain")
    plain = inspect(save(tmp_path / "b.pth", factory().state_dict()), model="tests.tiny:factory")
    assert (found.architecture, found.fusion.norms_after) == ("Plain", 0)
    assert found.as_stored == plain.as_stored
    assert found.fused.macs == plain.fused.macs


def test_a_traced_graph_costs_what_its_module_does() -> None:
    example = torch.zeros(1, 3, 32, 32)
    assert macs(trace(Plain().eval(), example), example) == macs(factory(), example) > 0


# ---- factories that import late ---------------------------------------------------------------------------------


def test_a_factory_that_imports_when_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_factory.py").write_text("def make():\n    from late_layers import Net\n    return Net()\n")
    (tmp_path / "late_layers.py").write_text("from torch import nn\nclass Net(nn.Sequential): pass\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    module: Any = build_user("late_factory:make")
    assert type(module).__name__ == "Net"
    assert sys.path == before


def test_a_factory_that_tidies_up_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tidy_factory.py").write_text(
        "import sys\nfrom pathlib import Path\nfrom torch import nn\n"
        "def make():\n    sys.path.remove(str(Path.cwd()))\n    return nn.Identity()\n")
    monkeypatch.chdir(tmp_path)
    assert isinstance(build_user("tidy_factory:make"), nn.Identity)
    assert str(tmp_path) not in sys.path


def test_the_users_own_preprocessing_is_taken_and_a_guess_is_called_one(tmp_path: Path) -> None:
    from ghostdeploy.bundle import open_bundle
    from ghostdeploy.cli.options import changed
    from ghostdeploy.exporter import export
    from tests.tiny import factory

    said = changed(Preprocessing(input_size=32), "0.5", "0.25,0.5,1", 1.0, "bilinear")
    told = export(factory(), tmp_path / "told", formats=("tflite",), preprocessing=said)
    assert told.manifest["preprocessing"] | {"source": "user", "input_size": 32, "mean": [0.5, 0.5, 0.5],
                                             "std": [0.25, 0.5, 1.0], "crop": 1.0, "resize": 32,
                                             "interpolation": "bilinear"} == told.manifest["preprocessing"]
    assert open_bundle(tmp_path / "told").preprocessing == said
    assert "assumed" not in (tmp_path / "told" / "MODEL_CARD.md").read_text()
    guessed = export(factory(), tmp_path / "guessed", formats=("tflite",), input_size=32)
    assert guessed.manifest["preprocessing"]["source"] == "assumed"
    assert "preprocessing is assumed" in (tmp_path / "guessed" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("said", [("0.5,0.5", None, None, None), ("a", None, None, None), (None, "0", None, None),
                                  (None, "nan", None, None), (None, None, 0.0, None), (None, None, 1.5, None),
                                  (None, None, None, "lanczos")])
def test_impossible_preprocessing_is_refused(said: tuple[str | None, str | None, float | None, str | None]) -> None:
    from ghostdeploy.cli.options import changed

    with pytest.raises(UsageError):
        changed(Preprocessing(), *said)


def test_no_word_on_preprocessing_changes_nothing() -> None:
    from ghostdeploy.cli.options import changed

    assert changed(Preprocessing(), None, None, None, None) is None
