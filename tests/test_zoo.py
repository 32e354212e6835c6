"""The cards: complete, sourced, and recomputed from the architectures that they describe."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ghostdeploy import zoo
from ghostdeploy.architecture import build_user, skeleton
from ghostdeploy.checkpoint.recognise import recognise
from ghostdeploy.checkpoint.structure import fingerprint, shapes
from ghostdeploy.cost import cost
from ghostdeploy.errors import ModelFactoryError, UnknownModel
from ghostdeploy.resources import folder
from ghostdeploy.zoo import Card, cards

# What somebody else measured: params (M) and MACs (M) at 224x224 of each model after timm 1.0.31's re-parameterisation,
# with torch's FlopCounterMode / 2.
REFERENCE = {
    "beitv2_base_patch16_224": (86.531, 17563.8), "deit_base_patch16_224": (86.568, 17563.8),
    "deit_tiny_patch16_224": (5.717, 1253.7), "efficientnet_b0": (5.289, 385.8), "fastvit_t8": (3.996, 524.8),
    "fbnetc_100": (5.572, 385.0), "ghostnet_050": (2.587, 42.3), "ghostnet_100": (5.183, 141.2),
    "ghostnet_130": (7.359, 227.0), "ghostnetv2_100": (6.157, 167.0), "ghostnetv2_130": (8.96, 269.3),
    "ghostnetv2_160": (12.393, 398.6), "ghostnetv3_050": (2.853, 49.6), "ghostnetv3_100": (6.148, 167.0),
    "ghostnetv3_130": (8.948, 269.3), "ghostnetv3_160": (12.378, 398.6), "mixnet_l": (7.329, 555.3),
    "mixnet_m": (5.014, 339.2), "mixnet_s": (4.135, 239.2), "mnasnet_100": (4.383, 314.4),
    "mobilenetv1_100": (4.232, 568.7), "mobilenetv1_125": (6.271, 879.5), "mobilenetv2_035": (1.677, 59.3),
    "mobilenetv2_050": (1.969, 97.1), "mobilenetv2_075": (2.636, 209.1), "mobilenetv2_100": (3.505, 300.8),
    "mobilenetv2_140": (6.109, 582.2), "mobilenetv3_large_075": (3.994, 154.6),
    "mobilenetv3_large_100": (5.483, 216.6), "mobilenetv3_small_100": (2.543, 56.5),
    "mobilenetv4_conv_small": (3.774, 186.0), "mobileone_s0": (2.079, 275.1), "mobileone_s1": (4.765, 825.1),
    "mobileone_s2": (7.808, 1298.4), "mobileone_s3": (10.078, 1895.8), "mobileone_s4": (14.838, 2979.3),
    "mobilevit_s": (5.579, 1521.5), "mobilevit_xs": (2.318, 772.3), "mobilevit_xxs": (1.272, 301.5),
    "repghostnet_100": (4.059, 142.4), "repvgg_a0": (8.309, 1361.5), "repvit_m0_9": (5.067, 815.6),
    "resnet101": (44.549, 7801.4), "shufflenet_v2_x0_5": (1.367, 40.5), "shufflenet_v2_x1_0": (2.279, 144.9),
    "shufflenet_v2_x1_5": (3.504, 295.8), "shufflenet_v2_x2_0": (7.394, 583.3), "squeezenet1_0": (1.248, 818.9),
    "squeezenet1_1": (1.235, 349.2),
}

ASKED_FOR = (
    "ghostnet_050", "ghostnet_100", "ghostnet_130", "ghostnetv2_100", "ghostnetv2_130", "ghostnetv2_160",
    "ghostnetv3_050", "ghostnetv3_100", "ghostnetv3_130", "ghostnetv3_160", "mobilenetv1_100", "mobilenetv2_100",
    "mobilenetv3_small_100", "mobilenetv3_large_100", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "squeezenet1_0", "squeezenet1_1", "mnasnet_100", "fbnetc_100",
    "mixnet_s", "mixnet_m", "mixnet_l", "efficientnet_b0", "mobileone_s0", "mobileone_s1", "mobileone_s2",
    "mobileone_s3", "mobileone_s4", "mobilevit_xxs", "mobilevit_xs", "mobilevit_s", "deit_tiny_patch16_224",
    "resnet101", "deit_base_patch16_224", "beitv2_base_patch16_224", "repvgg_a0", "repvit_m0_9", "fastvit_t8",
    "repghostnet_100", "mobilenetv4_conv_small", "tf_efficientnet_lite0", "shufflenet_v1_g3", "mobilenext_100",
    "mobilenext_140", "mobileformer_26m", "mobileformer_52m", "mobileformer_96m", "mobileformer_151m",
    "mobileformer_214m", "mobileformer_294m", "mobileformer_508m",
)


def by_name(card: Card) -> str:
    return card.name


def test_every_model_asked_for_has_a_card() -> None:
    assert set(ASKED_FOR) <= {card.name for card in cards()}


def test_cards_are_read_without_torch() -> None:
    code = "import sys; from ghostdeploy import zoo; print(len(zoo.cards()), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(cards())), "False"]


def test_cards_are_named_as_their_files_and_cannot_be_changed() -> None:
    assert sorted(card.name for card in cards()) == sorted(path.stem for path in folder("models").glob("*.toml"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        cards()[0].name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("card", cards(), ids=by_name)
def test_every_number_has_a_source(card: Card) -> None:
    assert card.licence
    assert card.preprocessing_source
    for entry in card.published:
        assert entry.source
        assert entry.device or not entry.quantity.endswith("_ms"), f"whose {entry.quantity}?"
        assert entry.note or not entry.derived, f"derived from what? {entry}"
    for source in card.weights:
        assert source.where
        assert source.licence
        assert (source.top1 is None) == (source.top1_source is None) == (source.top1_size is None)
        assert source.form in card.forms


@pytest.mark.parametrize("name", REFERENCE)
def test_cards_agree_with_the_reference(name: str) -> None:
    params, macs = REFERENCE[name]
    assert zoo.card(name).params / 1e6 == pytest.approx(params, rel=5e-3)
    assert zoo.card(name).macs / 1e6 == pytest.approx(macs, rel=5e-3)


@pytest.mark.parametrize("card", cards(), ids=by_name)
def test_cards_agree_with_their_architecture(card: Card) -> None:
    """The deployed form of each, built and counted here; its tensors lead back to the card and to no other."""
    form_name, form = list(card.forms.items())[-1]
    module = skeleton(card, merged=card.deployed is not None)
    found = shapes(module.state_dict())
    assert (len(found), fingerprint(found, form.head)) == (form.tensors, form.fingerprint)
    known = recognise("file", found, ordered=False)
    assert (known.card.name, known.form, known.naming, known.classes) == (card.name, form_name, "library", 1000)
    size = cost(module, torch.empty(1, 3, 224, 224, device="meta"))
    assert (size.params, size.macs) == (form.params, form.macs)


def test_the_accuracy_published_is_that_of_the_weights_named_first() -> None:
    """ResNet-101 was trained often: the paper's teacher reached 77.4, other weights 82."""
    card = zoo.card("resnet101")
    published = card.first("top1")
    assert published is not None and published.value == card.weights[0].top1
    assert card.weights[0].where.removeprefix("HF Hub: timm/") in card.preprocessing_source


def test_the_models_own_paper_stands_first() -> None:
    published = zoo.card("efficientnet_b0").first("top1")
    assert published is not None and "EfficientNet paper" in published.source and not published.derived


def test_no_two_forms_have_the_same_tensors() -> None:
    prints = [form.fingerprint for card in cards() for form in card.forms.values()]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("card", [card for card in cards() if card.lookalikes], ids=by_name)
def test_lookalikes_do_look_alike(card: Card) -> None:
    for name in card.lookalikes:
        other = dataclasses.replace(card, build=dataclasses.replace(card.build, model=name))
        assert fingerprint(shapes(skeleton(other).state_dict()), card.training.head) == card.training.fingerprint


def test_an_unknown_model_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownModel) as caught:
        zoo.card("GhostNetV3_1.0")
    assert "ghostnetv3_100" in caught.value.why
    with pytest.raises(UnknownModel):
        zoo.card("")


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the user's in the working directory."""
    (tmp_path / "my_factories.py").write_text(
        "from torch import nn\n"
        "def good(): return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))\n"
        "def number(): return 7\n"
        "def broken(): raise KeyError('weights')\n"
        "constant = 3\n")
    (tmp_path / "my_broken_module.py").write_text("import nothing_of_this_name\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("factories")
def test_a_factory_of_the_users_own() -> None:
    before = list(sys.path)
    module = build_user("my_factories:good")
    assert isinstance(module, torch.nn.Sequential)
    assert not module.training
    assert sys.path == before


@pytest.mark.usefixtures("factories")
@pytest.mark.parametrize(("spec", "says"), [
    ("my_factories:", "names no factory"), (":good", "names no factory"), ("my_factories:absent", "has no absent"),
    ("no_such_package:f", "cannot import"), ("my_broken_module:f", "cannot import"),
    ("my_factories:number", "returned int"), ("my_factories:broken", "failed"),
    ("my_factories:constant", "not callable"),
])
def test_factories_that_give_no_module(spec: str, says: str) -> None:
    with pytest.raises(ModelFactoryError, match=says):
        build_user(spec)
