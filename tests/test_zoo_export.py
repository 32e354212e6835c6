"""Every card of the zoo through export and parity (`make test-zoo`); the table is written to docs/zoo.md.

Weights are random with randomised BatchNorm statistics: errors are real, accuracies are not.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ghostdeploy import zoo
from ghostdeploy.architecture import build
from ghostdeploy.errors import UnsupportedOperator
from ghostdeploy.exporter import export
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.model import Model, Weights
from tests.commands import ROOT
from tests.randomise import randomise_norms
from tests.zoo_table import Row, kept, write

pytestmark = pytest.mark.zoo
ROWS = ROOT / "build" / "zoo"
FORMATS: tuple[Format, ...] = ("pte", "tflite")
LIMIT = 1e-5
ATTENTION = {"DeiT", "BEiTV2", "MobileViT", "FastViT"}    # families that `.tflite` may refuse by operator, so far


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """The table in docs/ is written once every card has its rows."""
    yield
    rows = kept(ROWS)
    if {(row.card, row.format) for row in rows} == {(card.name, f) for card in zoo.cards() for f in FORMATS}:
        write(ROOT / "docs" / "zoo.md", rows)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", [card.name for card in zoo.cards()])
def test_card(name: str, format_: Format, tmp_path: Path) -> None:
    card = zoo.card(name)
    torch.manual_seed(0)
    module = randomise_norms(build(card)).eval()
    model = Model(module, card.name, Weights("random"), card.preprocessing, classes=1000, card=card)
    started = time.perf_counter()
    try:
        bundle = export(model, tmp_path / "out", formats=(format_,))
    except UnsupportedOperator as refusal:
        Row.refused(card, format_, refusal).keep(ROWS)
        if format_ == "tflite" and card.family in ATTENTION:
            return
        raise
    seconds = time.perf_counter() - started
    entry = bundle.manifest["artifacts"][0]
    shutil.rmtree(tmp_path / "out")
    assert entry["parity"]["top1_agreement"] == 1
    noise = bundle.manifest["fusion"]["noise"]
    assert entry["parity"]["max_rel_error"] <= max(LIMIT, 2 * noise)
    assert bundle.manifest["fusion"]["norms_after"] == 0
    if card.family == "GhostNetV3":
        assert entry["delegation"]["delegates"] == 1 and entry["delegation"]["nodes_outside"] == 0
    Row.made(card, format_, entry, bundle.manifest, seconds).keep(ROWS)
