"""One model of each family through the whole export, on real photos: the .pte and .tflite that a user would get, in
ExecuTorch, in LiteRT, and the .tflite in the TFLite 2.14 of phones as well.

Small cards and small images, for time; `make test-zoo` takes every card at its own size. Weights are random.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ghostdeploy import zoo
from ghostdeploy.architecture import build
from ghostdeploy.bundle import Bundle
from ghostdeploy.exporter import export
from ghostdeploy.model import Model, Weights
from tests.settled import settle
from tests.tools.tflite_check import foreign

LIMIT = 1e-5
# Blocks that repeat take minutes and show no more.
LITTLE_DEPTH: dict[str, Any] = {"depth": 2, "img_size": 64}


@dataclass(frozen=True)
class Case:
    """A card, the side of its input, and what to change about the architecture to make it quick.

    `attention`: the older TFLite of phones leaves its products outside of XNNPACK. `masked`: so does ExecuTorch, which
    takes no attention with a bias on its scores.
    """

    card: str
    size: int = 64
    options: tuple[tuple[str, Any], ...] = ()
    attention: bool = False
    masked: bool = False


little = partial(Case, options=tuple(LITTLE_DEPTH.items()), attention=True)

# GhostNets at 112: their gates go 7 -> 3 -> 7 there, as at 224, which is where nearest upsampling is hard.
CASES = (
    Case("squeezenet1_1"), Case("mobilenetv1_100"), Case("mobilenetv2_035"), Case("mobilenetv3_small_100"),
    Case("mobilenetv4_conv_small"), Case("mnasnet_100"), Case("fbnetc_100"), Case("efficientnet_b0"),
    Case("tf_efficientnet_lite0"), Case("shufflenet_v2_x0_5"), Case("mixnet_s"), Case("repvgg_a0"),
    Case("mobileone_s1"), Case("repvit_m0_9", options=(("depth", (1, 1, 2, 1)),)), Case("repghostnet_100"),
    Case("ghostnet_050", 112), Case("ghostnetv2_100", 112), Case("ghostnetv3_050", 112),
    Case("resnet101", options=(("layers", (1, 2, 1, 1)),)), Case("fastvit_t8"),
    Case("mobilevit_xxs", attention=True), little("deit_tiny_patch16_224"),
    little("beitv2_base_patch16_224", masked=True), Case("shufflenet_v1_g3"), Case("mobilenext_100"),
    Case("mobileformer_26m", attention=True),
)


def test_every_family_is_here() -> None:
    assert {zoo.card(case.card).family for case in CASES} == {card.family for card in zoo.cards()}


def model_of(case: Case) -> Model:
    """The case's architecture with random weights; through the card, so that its preprocessing is the card's."""
    card = zoo.card(case.card)
    arguments = (*card.build.arguments, *case.options)
    torch.manual_seed(0)
    preprocessing = replace(card.preprocessing, input_size=case.size)
    module = settle(case.card, build(replace(card, build=replace(card.build, arguments=arguments))), preprocessing)
    return Model(module, card.name, Weights("random"), preprocessing, classes=1000, card=card)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.card)
def test_family(case: Case, tmp_path: Path) -> None:
    bundle = export(model_of(case), tmp_path / "out")
    assert bundle.manifest["fusion"]["norms_after"] == 0
    pte, tflite = bundle.manifest["artifacts"]
    for entry in (pte, tflite):
        assert entry["parity"]["max_rel_error"] <= LIMIT
        assert entry["parity"]["top1_agreement"] == 1
        assert entry["parity"]["reference_spread"] > 1e-3       # the answers depend on the photo, so they can be wrong
    assert (tflite["delegation"]["delegates"], tflite["delegation"]["outside"]) == (1, {})
    if not case.masked:
        assert (pte["delegation"]["delegates"], pte["delegation"]["outside"]) == (1, {})
    on_phones_runtime(bundle, tmp_path, {"BATCH_MATMUL"} if case.attention else set())


def on_phones_runtime(bundle: Bundle, folder: Path, outside: set[str]) -> None:
    """The bundle's own .tflite and golden files in TFLite 2.14."""
    nhwc = np.ascontiguousarray(np.load(bundle.golden.input).transpose(0, 2, 3, 1))
    np.savez(folder / "io.npz", x=nhwc, y=np.load(bundle.golden.output))
    artifact = next(artifact for artifact in bundle.artifacts if artifact.format == "tflite")
    (found,) = foreign("tflite214", "run_tflite214.py", str(artifact.file), str(folder / "io.npz"))
    assert set(found["outside"]) == outside
    assert found["difference"] is not None and found["difference"] <= LIMIT
    if not outside:
        assert found["delegates"] == 1
