"""Recipes: what stands in one is known, in its range and has a source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ghostdeploy.errors import FileMissing, UnknownModel
from ghostdeploy.resources import folder
from ghostdeploy.training.recipe_file import find, parse, read
from ghostdeploy.training_errors import RecipeInvalid

ALONG = sorted((folder("models") / "recipes").glob("*.toml"))

SMALL = """
name = "small"
title = "Small"
[sources]
paper = "A paper, table 1"
[model]
card = "shufflenet_v2_x0_5"
from = { ours = ["card"] }
[data]
set = "cifar10"
size = 32
from = { ours = ["set", "size"] }
[optimisation]
epochs = 2
batch = 8
lr = 5e-3
from = { paper = ["lr"], ours = ["epochs", "batch"] }
"""


def test_a_recipe_is_read_with_the_source_of_each_value() -> None:
    recipe = parse(SMALL, "small.toml")
    assert (recipe.model.card, recipe.model.branches, recipe.optimisation.lr) == ("shufflenet_v2_x0_5", 3, 0.005)
    assert dict(recipe.sources)["optimisation.lr"] == "paper"
    assert dict(recipe.sources)["optimisation.weight_decay"] == dict(recipe.sources)["average.decay"] == "ours"


@pytest.mark.parametrize("path", ALONG, ids=lambda path: path.stem)
def test_every_recipe_that_comes_along_is_one(path: Path) -> None:
    recipe = read(path)
    assert recipe.name == path.stem
    assert find(recipe.name) == path
    assert {source for _, source in recipe.sources} - {"ours"}, "nothing of it is published"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("lr = 5e-3", "lr = -1", "optimisation.lr = -1"),
    ("lr = 5e-3", 'lr = "fast"', "optimisation.lr = 'fast'"),
    ("lr = 5e-3", "lr = inf", "optimisation.lr = inf"),
    ("batch = 8", "batch = true", "optimisation.batch = True"),
    ("size = 32", "size = 32.5", "data.size = 32.5"),
    ("epochs = 2", "epochs = 2\nepoch = 3", "has no source"),
    ('"epochs", "batch"]', '"epochs"]', "optimisation.batch in small.toml has no source"),
    ('"epochs", "batch"]', '"epochs", "batch", "epoch"]', "optimisation.epoch, which has no value"),
    ("from = { paper", "from = { rumour", "source rumour"),
    ("[model]", "[modell]", "unknown entry modell"),
    ('name = "small"', "", "has no name"),
    (SMALL[SMALL.index("epochs"):], "", "has no optimisation.epochs"),
    ("[model]", "[model", "is no TOML"),
    ('[sources]\npaper = "A paper, table 1"', "", "source paper"),
    ('[sources]\npaper = "A paper, table 1"', "sources = 3", "sources in small.toml is no table"),
    ("epochs = 2\n", "epochs = 2\nwarmup_epochs = 3\n", "has no source"),
])
def test_what_is_wrong_with_a_recipe_is_named(old: str, new: str, said: str) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new)
    with pytest.raises(RecipeInvalid, match=re.escape(said)):
        parse(text, "small.toml")


def test_an_unknown_entry_names_the_nearest() -> None:
    text = SMALL.replace("batch = 8", "batch = 8\nweight_decai = 0.1").replace('"batch"]', '"batch", "weight_decai"]')
    with pytest.raises(RecipeInvalid, match="weight_decai") as caught:
        parse(text, "small.toml")
    assert "optimisation.weight_decay" in caught.value.why


def test_a_setting_replaces_a_value_and_its_source() -> None:
    recipe = parse(SMALL, "small.toml", ["optimisation.lr=0.1", "model.card=mobilenetv2_100", "average.decay=0.9"])
    assert (recipe.optimisation.lr, recipe.model.card, recipe.average.decay) == (0.1, "mobilenetv2_100", 0.9)
    assert {dict(recipe.sources)[key] for key in ("optimisation.lr", "model.card", "average.decay")} == {"user"}


def test_a_part_can_be_left_out() -> None:
    text = SMALL + '[distillation]\nteacher = "t.pth"\nfrom = { paper = ["teacher"] }\n'
    assert parse(text, "small.toml").distillation is not None
    assert parse(text, "small.toml", ["distillation=none"]).distillation is None


def test_a_recipe_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(SMALL)
    text = f"""extends = "{tmp_path / 'base.toml'}"\nname = "more"
[optimisation]\nlr = 0.5\nfrom = {{ ours = ["lr"] }}"""
    (tmp_path / "more.toml").write_text(text.replace(str(tmp_path / "base.toml"), "base.toml"))
    assert read(tmp_path / "more.toml") == parse(text, "more.toml")     # beside it, wherever it is read from
    recipe = parse(text, "more.toml")
    assert (recipe.name, recipe.title, recipe.optimisation.lr, recipe.optimisation.epochs) == ("more", "Small", 0.5, 2)
    assert dict(recipe.sources)["optimisation.lr"] == "ours"
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.toml").write_text(f'extends = "{tmp_path / other}.toml"\n')
    with pytest.raises(RecipeInvalid, match="no other recipe"):
        read(tmp_path / "a.toml")


@pytest.mark.parametrize("listed", ['"ours"', '{ ours = "lr" }', "3"])
def test_sources_that_are_no_lists_are_refused(listed: str) -> None:
    text = SMALL.replace('{ paper = ["lr"], ours = ["epochs", "batch"] }', listed)
    for settings in ([], ["optimisation.lr=0.1"]):
        with pytest.raises(RecipeInvalid, match=r"optimisation\.from"):
            parse(text, "small.toml", settings)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(RecipeInvalid, match="warms up for 3 of 2 epochs"):
        parse(SMALL, "small.toml", ["optimisation.warmup_epochs=3"])
    with pytest.raises(RecipeInvalid, match=r"falls from a rate of 0\.005 to 0\.01"):
        parse(SMALL, "small.toml", ["optimisation.min_lr=0.01"])


@pytest.mark.parametrize("setting", ["lr=1", "optimisation.lr", "nothing.lr=1", "optimisation.lr=nan"])
def test_a_setting_that_names_nothing_is_refused(setting: str) -> None:
    with pytest.raises(RecipeInvalid):
        parse(SMALL, "small.toml", [setting])


def test_a_recipe_for_a_model_outside_the_zoo_is_refused() -> None:
    with pytest.raises(UnknownModel):
        parse(SMALL, "small.toml", ["model.card=resnet50x"])


def test_a_missing_recipe_says_where_others_are(tmp_path: Path) -> None:
    with pytest.raises(FileMissing) as caught:
        read(tmp_path / "none.toml")
    assert "models/recipes" in caught.value.next
