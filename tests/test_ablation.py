"""Tables of ablations: every cell with every seed, kept, resumed, and told as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ghostdeploy.ablation import grid
from ghostdeploy.ablation.outcome import Outcome, Row
from ghostdeploy.ablation.report import document, markdown
from ghostdeploy.ablation.run import ablate
from ghostdeploy.errors import FileMissing, UsageError
from ghostdeploy.resources import folder
from ghostdeploy.training import recipe_file, state
from ghostdeploy.training_errors import RecipeInvalid, ResumeMismatch
from tests.commands import ghostdeploy
from tests.small_training import recipe, recipe_text

ALONG = sorted((folder("models") / "ablations").glob("*.toml"))
TABLE = """
name = "decays"
title = "Decay of the average"
recipe = "{recipe}"
source = "A paper"
findings = ["Long averages are better."]
[axes."decay"]
"short" = ["average.decay=0.5"]
"long" = ["average.decay=0.99"]
[[published]]
cell = ["long"]
top1 = 77.6
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(recipe_text())
    (tmp_path / "decays.toml").write_text(TABLE.format(recipe=tmp_path / "small.toml"))
    return tmp_path / "decays.toml"


@pytest.mark.parametrize("path", ALONG, ids=lambda path: path.stem)
def test_every_table_that_comes_along_fits_its_recipe_and_the_small_one(path: Path) -> None:
    found = grid.read(path.stem)
    for name in (found.recipe, "ghostnetv3_050-cifar10-small"):
        for cell in found.cells:
            extra = ["distillation.teacher=t.pth"] if any("distillation." in entry for entry in cell.settings) else []
            recipe_file.read(recipe_file.find(name), (*extra, *cell.settings))


def test_a_table_goes_on_where_it_was_stopped(table: Path, images: Path, tmp_path: Path) -> None:
    found, place, one = grid.read(str(table)), tmp_path / "runs", ["optimisation.epochs=1"]
    first = ablate(found, place, seeds=1, settings=one, data=images, workers=0)
    assert [len(row.top1) for row in first] == [1, 1]
    written = {path: path.stat().st_mtime_ns for path in place.rglob("model.safetensors")}
    assert len(written) == 2
    again = ablate(found, place, seeds=2, settings=one, data=images, workers=0)
    assert [row.outcomes[:1] for row in again] == [row.outcomes for row in first]
    assert all(path.stat().st_mtime_ns == when for path, when in written.items())
    assert len(list(place.rglob("model.safetensors"))) == 4
    assert not list(place.rglob("state.pt"))
    stopped = ablate(found, place, seeds=3, settings=["optimisation.epochs=3"], data=images, workers=0, minutes=0)
    assert [row.outcomes for row in stopped] == [(), ()]
    renamed = tmp_path / "others.toml"
    renamed.write_text(table.read_text().replace('name = "decays"', 'name = "others"'))
    other = ablate(grid.read(str(renamed)), place, seeds=2, settings=one, data=images, workers=0, minutes=0)
    assert [row.outcomes for row in other] == [row.outcomes for row in again]       # tables share their runs
    part = ablate(grid.only(found, ["long"]), place, seeds=2, settings=one, data=images, workers=0, minutes=0)
    assert part == again[1:]        # kept, although tables of other recipes and cells were written over it since


def test_another_recipe_is_another_run(table: Path, images: Path, tmp_path: Path) -> None:
    found = grid.read(str(table))
    one, two = (ablate(found, tmp_path, seeds=1, settings=[f"optimisation.epochs={epochs}"], data=images, workers=0)
                for epochs in (1, 2))
    assert one[0].outcomes != two[0].outcomes


def test_without_branches_their_kinds_make_no_other_run() -> None:
    first, second, third = (state.digest(recipe(f"model.branches={branches}", f"model.scale={scale}"), "data")
                            for branches, scale in ((0, "true"), (0, "false"), (1, "false")))
    assert first == second != third


def test_a_document_that_cannot_be_read_is_not_written_over(table: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "decays.json").write_text('{"schema_version": 1}')
    with pytest.raises(ResumeMismatch, match="holds no runs"):
        ablate(grid.read(str(table)), tmp_path, seeds=1, data=images)
    assert (tmp_path / "decays.json").read_text() == '{"schema_version": 1}'


def test_a_part_of_a_table_is_what_was_named_on_each_axis() -> None:
    whole = grid.read("table2-branches")
    assert grid.only(whole, []) == whole
    part = grid.only(whole, ["3", "without", "0"])
    assert [cell.labels for cell in part.cells] == [("0", "without"), ("3", "without")]
    assert all(cell in whole.cells for cell in part.cells)
    with pytest.raises(UsageError, match="no choice 'seven'"):
        grid.only(whole, ["seven"])


def test_a_cell_whose_loss_is_no_number_is_told_so(table: Path, images: Path, tmp_path: Path) -> None:
    settings = ["optimisation.lr=1e30", "optimisation.optimiser=sgd", "optimisation.clip=0.0"]
    rows = ablate(grid.read(str(table)), tmp_path / "runs", seeds=1, settings=settings, data=images, workers=0)
    assert [row.outcomes[0].top1_ema for row in rows] == [None, None]
    assert "| short | 1 diverged | 1 |  |" in markdown(grid.read(str(table)), recipe(), rows, 1)
    assert f" pixels on {images}, " in next((tmp_path / "runs").glob("*.md")).read_text()


def test_mean_and_spread_are_those_of_the_seeds(table: Path) -> None:
    found = grid.read(str(table))
    values = [(0.5, 0.6, 0.7), (0.8, 0.8)]
    rows = [Row(cell, tuple(Outcome("", top1, top1) for top1 in top1s))
            for cell, top1s in zip(found.cells, values, strict=True)]
    text, told = markdown(found, recipe(), rows, 3), document(found, recipe(), rows, 3, [])
    assert "| short | 60.00 ± 10.00 | 3 |  |" in text
    assert "| long | **80.00 ± 0.00** | 2 | 77.6 |" in text
    assert "- Long averages are better." in text
    assert [cell["mean"] for cell in told["cells"]] == pytest.approx([0.6, 0.8])
    assert told["cells"][1]["published_top1"] == 77.6
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(("old", "new"), [("[axes", "[axis"), ('cell = ["long"]', 'cell = ["longer"]'),
                                          ("findings = [", "findings = 3 #["), ('name = "decays"', "")])
def test_what_is_no_table_is_refused(old: str, new: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(TABLE.replace(old, new))
    with pytest.raises(RecipeInvalid, match="is no table"):
        grid.read(str(tmp_path / "bad.toml"))


def test_a_missing_table_names_those_there_are() -> None:
    with pytest.raises(FileMissing) as caught:
        grid.read("table11")
    assert "table2-branches" in caught.value.why


def test_the_command_writes_both_documents(table: Path, images: Path, tmp_path: Path) -> None:
    done = ghostdeploy("ablate", table, "--seeds", "1", "--data", images, "--set", "optimisation.epochs=1",
                       "-o", tmp_path / "out", "--workers", "0", "--json")
    assert done.code == 0, done.stderr
    assert done.json == json.loads((tmp_path / "out" / "decays.json").read_text())
    assert (tmp_path / "out" / "decays.md").read_text().startswith("# Decay of the average")
