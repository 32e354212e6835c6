"""The architectures that no library has, written out in models/*.py: as large as published, and good for everything
that other cards are good for. Their exports are in tests/test_families.py and `make test-zoo` as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import ghostdeploy
from ghostdeploy import zoo
from ghostdeploy.architecture import build, skeleton
from ghostdeploy.cost import cost
from ghostdeploy.definitions import definition
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.untrained import randomise_norms
from ghostdeploy.zoo import Card
from tests.test_lowering_executorch import run_pte
from tests.test_zoo import by_name
from tests.tools.tflite_check import invoke, nhwc, noise

OWN = [card for card in zoo.cards() if card.build.library == "ghostdeploy"]
FORMERS = [card for card in OWN if card.family == "MobileFormer"]
SMALL = ("shufflenet_v1_g3", "mobilenext_100", "mobileformer_26m")


def published(card: Card) -> tuple[float, float]:
    """Parameters and multiply-adds as the card cites them."""
    params, flops = card.first("params"), card.first("flops")
    assert params is not None and flops is not None
    return params.value, flops.value


@pytest.mark.parametrize("name", ["shufflenet_v1_g3", "mobilenext_140"])
def test_sizes_are_those_published(name: str) -> None:
    card = zoo.card(name)
    assert (card.params, card.macs) == pytest.approx(published(card), rel=0.01)


def test_mobilenext_is_larger_than_published_at_width_1_and_says_by_how_much() -> None:
    """Nothing published gives the paper's 3.4 M and 300 M; the authors' code, which 1.4x confirms, has more."""
    card = zoo.card("mobilenext_100")
    params, flops = published(card)
    assert (card.params / params, card.macs / flops) == pytest.approx((1.040, 1.038), abs=5e-4)
    note = definition("mobilenext.py").__doc__
    assert note is not None and "4.0 % and 3.8 %" in note and f"{card.params:,} and {card.macs:,}" in note


@pytest.mark.parametrize("card", FORMERS, ids=by_name)
def test_mobileformers_cost_what_is_published_once_batchnorm_is_counted(card: Card) -> None:
    params, flops = published(card)
    assert round(card.params / 1e6, 1) == params / 1e6
    module = skeleton(card)
    normalised: list[int] = []
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.register_forward_hook(lambda _, __, out: normalised.append(out.numel()))
    counted = cost(module, torch.empty(1, 3, 224, 224, device="meta")).macs
    assert counted + 2 * sum(normalised) == pytest.approx(flops, rel=0.01)


@pytest.mark.parametrize("card", OWN, ids=by_name)
def test_any_number_of_classes_and_images_at_once(card: Card) -> None:
    module = skeleton(card, classes=7)
    assert module(torch.empty(2, 3, 64, 96, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("card", OWN, ids=by_name)
def test_every_parameter_is_trained(card: Card) -> None:
    """A parameter without a gradient would be one that forward forgot."""
    module = skeleton(card).train()
    module(torch.empty(2, 3, 64, 64, device="meta")).sum().backward()
    assert [name for name, tensor in module.named_parameters() if tensor.grad is None] == []


@pytest.mark.parametrize("file", ["shufflenet_v1.py", "mobileformer.py"])
def test_a_shuffle_deals_the_channels_of_a_group_out_to_all_groups(file: str) -> None:
    channels = torch.arange(12.0).reshape(1, 12, 1, 1)
    dealt = definition(file).Shuffle(3)(channels).flatten().tolist()
    assert dealt == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]


def test_a_sandglass_is_residual_where_its_ends_are_alike() -> None:
    sandglass = definition("mobilenext.py").Sandglass
    x = torch.randn(1, 12, 5, 5)
    for wider, stride, residual in ((12, 1, True), (18, 1, False), (12, 2, False)):
        block = sandglass(12, 2, wider, stride, first=True, last=True).eval()
        nn.init.zeros_(block.layers[-1].weight)    # the last norm: what is left is the residual
        expected = x if residual else torch.zeros(1, wider, 5 // stride + stride - 1, 5 // stride + stride - 1)
        torch.testing.assert_close(block(x), expected)


def test_a_dynamic_relu_follows_its_token() -> None:
    dynamic = definition("mobileformer.py").DynamicReLU(2, 8)
    x, token = torch.tensor([-2.0, 2.0]).reshape(1, 1, 1, 2).expand(1, 2, 1, 2), torch.randn(1, 8)
    last = dynamic.slopes[2]
    nn.init.zeros_(last.weight)

    def with_slopes(first: float, second: float) -> list[float]:
        with torch.no_grad():    # a hard sigmoid of 3 is 1, of -3 is 0, of 0 a half
            last.bias.copy_(torch.tensor([first, first, second, second]))
        return [round(value, 6) for value in dynamic(x, token)[0, 0, 0].tolist()]

    assert with_slopes(0, 0) == [0, 2]
    assert with_slopes(3, 0) == [0, 4]
    assert with_slopes(0, -3) == [2, 2]


def test_every_token_reaches_the_map_and_every_place_the_tokens() -> None:
    made = definition("mobileformer.py")
    x, tokens = torch.randn(1, 12, 4, 4, requires_grad=True), torch.randn(1, 3, 8, requires_grad=True)
    (back,) = torch.autograd.grad(made.FormerToMobile(12, 8)(x, tokens)[0, :, 0, 0].sum(), tokens)
    assert (back.abs().amax(2) > 0).all()
    (back,) = torch.autograd.grad(made.MobileToFormer(12, 8)(x, tokens)[0, 0, 0], x)
    assert (back.abs().amax(1) > 0).all()


@pytest.mark.parametrize("name", SMALL)
def test_a_checkpoint_is_recognised_by_itself(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    module = build(zoo.card(name), classes=11)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "trained.pth")
    model = ghostdeploy.load(tmp_path / "trained.pth")
    assert (model.name, model.classes, model.weights.kind) == (name, 11, "checkpoint")
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model.module(x), module(x), rtol=0, atol=0)


def test_random_weights_say_that_they_are() -> None:
    assert ghostdeploy.load(model="mobileformer_26m", random_weights=True).weights.kind == "random"


# The parts of a block of the authors' code (AAboys/MobileFormer, dna_blocks.py) that have weights, as they are defined.
CONV, LINEAR = ("weight",), ("weight", "bias")
NORM = ("weight", "bias", "running_mean", "running_var")
LOOK = tuple(f"local_global.{part}" for part in ("alpha.0", "q", "proj", "layer_norm"))
FORMER = ("ffn.0", "ffn.2", "ffn_norm", "q", "channel_mlp", "layer_norm")
BRIDGES = (*LOOK, *(f"global_block.{part}" for part in FORMER), "global_local.k", "global_local.proj")


def authors_names(strides: list[int]) -> list[str]:
    """What a checkpoint of the authors holds, in its order; counters left out."""
    parts: dict[str, tuple[str, ...]] = {
        "tokens": CONV, "stem.0": CONV, "stem.1": NORM, "features.0.conv.0": CONV, "features.0.conv.1": NORM,
        "features.0.conv.4": CONV, "features.0.conv.5": NORM}
    for index, stride in enumerate(strides, 1):
        at = f"features.{index}"
        for number in range(1, 5 if stride == 2 else 4):
            parts |= {f"{at}.conv{number}.0": CONV, f"{at}.conv{number}.1": NORM}
            if number in ((1, 3) if stride == 2 else (1, 2)):
                parts |= {f"{at}.hyper{number}.hyper.0": LINEAR, f"{at}.hyper{number}.hyper.2": LINEAR}
        parts |= {f"{at}.{part}": LINEAR for part in BRIDGES}
    parts |= dict.fromkeys(LOOK, LINEAR)
    parts |= {"classifier.conv.1": CONV, "classifier.conv.2": NORM, "classifier.fc.0": LINEAR, "classifier.fc.1": NORM,
              "classifier.classifier.1": LINEAR}
    return [f"{part}.{role}" for part, roles in parts.items() for role in roles]


def test_the_order_of_the_authors_mobileformer_is_recognised(tmp_path: Path) -> None:
    torch.manual_seed(4)
    module = build(zoo.card("mobileformer_52m"))
    ours = {key: value for key, value in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    strides = [stride for _, _, stride in definition("mobileformer.py").VARIANTS["52m"].blocks]
    torch.save(dict(zip(authors_names(strides), ours.values(), strict=True)), tmp_path / "theirs.pth")
    model = ghostdeploy.load(tmp_path / "theirs.pth")
    assert model.name == "mobileformer_52m"
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model.module(x), module(x), rtol=0, atol=0)


def little(name: str, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """The card's architecture with random norms; a Mobile-Former of one block of each kind, because it has so many."""
    if name != "mobileformer_26m":
        return ghostdeploy.load(model=name, random_weights=True).module
    made = definition("mobileformer.py")
    variant = made.Variant(8, (3, 12, 2), ((6, 24, 2), (3, 24, 1)), features=32, tokens=3, token_width=16, groups=4)
    monkeypatch.setitem(made.VARIANTS, "little", variant)
    torch.manual_seed(5)
    return randomise_norms(made.MobileFormer("little")).eval()


@pytest.mark.parametrize("name", SMALL)
def test_one_delegate_holds_all_of_it_and_answers_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = little(name, monkeypatch), noise(1, 3, 64, 64)
    with torch.no_grad():
        expected = module(x)
    graph = fuse(module, x, verify=False).module
    pte, tflite = lower_pte(graph, x), lower_tflite(graph, x)
    for lowered in (pte, tflite):
        assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    answers = run_pte(pte, x)[0], torch.from_numpy(invoke(tflite.data, nhwc(x.numpy())))
    for answer in answers:
        assert float((answer - expected).abs().max() / expected.abs().max()) <= 1e-5


def test_a_definition_is_loaded_once() -> None:
    first = build(zoo.card("mobilenext_100"))
    second = build(replace(zoo.card("mobilenext_140"), name="again"))
    assert type(first) is type(second)
    assert type(first).__module__ == "ghostdeploy.models.mobilenext"
