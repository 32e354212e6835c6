"""The table of arm64 instructions: a proxy by name, with floors, and every gap explained."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.arm import counting, earlier, onnxruntime
from benchmarks.arm.contestants import CONTESTANTS
from benchmarks.arm.earlier import taken
from benchmarks.arm.result import ArmResult, ModelRows, Row
from benchmarks.arm.table import markdown
from benchmarks.export_worker import Cost
from benchmarks.exporters import EXPORTERS
from benchmarks.exporting import Export
from benchmarks.models import Source
from ghostdeploy.device import records
from ghostdeploy.device.android.pinned import pinned
from ghostdeploy.device.arm_instructions import Instructions
from ghostdeploy.device.runtimes.base import RuntimeInfo
from ghostdeploy.errors import ResultInvalid, UsageError

ROOT = Path(__file__).parent.parent
DAY, EMULATOR = "2026-01-02", "qemu 7.2"


@pytest.fixture(autouse=True)
def this_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the made-up rows had been counted here."""
    monkeypatch.setattr(earlier, "emulator", lambda: EMULATOR)


def made_up() -> ArmResult:
    """Every contestant has a figure, but litert-torch."""
    runtimes = {"pte": RuntimeInfo("executorch", "0.9.3", pinned("executorch").libraries["arm64-v8a"].sha256),
                "tflite": RuntimeInfo("tflite", "2.14.0", pinned("tflite").libraries["arm64-v8a"].sha256),
                "onnx": RuntimeInfo("onnxruntime", onnxruntime.VERSION, "ef" * 32)}
    rows = tuple(
        Row(of.name, of.format, of.precision, None, None, "no environment", DAY) if of.name == "litert-torch" else
        Row(of.name, of.format, of.precision, 2_500_000, Instructions(
            (number + 1) * 10_000_000, "cortex-a76", 1, of.half_arithmetic, runtimes[of.format], EMULATOR), None,
            DAY, {"depthwise": 20_000_000, "matrix product": 60_000_000, "copy": number * 1_000_000})
        for number, of in enumerate(CONTESTANTS))
    return ArmResult(2, "2026-01-02T03:04:05+00:00", "0.1.0", torch.__version__,
                     "arm64 instructions per inference, not time", "random", "cortex-a76",
                     (ModelRows("some_net", 224, 160_000_000, rows),))


def test_it_is_called_a_proxy_and_never_a_time() -> None:
    text = markdown(made_up())
    assert "A proxy" in text and "not time" in text and "Weights are random" in text
    assert " ms" not in text and "latency" not in text
    assert "qemu 7.2" in text and "tflite 2.14.0 (sha256 36c7443b" in text and "cortex-a76" in text


def test_figures_floors_and_gaps() -> None:
    text = markdown(made_up())
    assert "| some_net | 40.0 | 10.0 (2.5) | 20.0 (2.5) | 30.0 (2.5) | 40.0 (2.5) | - | 60.0 (2.5) |" in text
    assert "| some_net | 20.0 | 70.0 (2.5) | 80.0 (2.5) | 90.0 (2.5) | - |" in text
    assert "- some_net, litert-torch fp32: `no environment`" in text


def test_what_stands_before_the_floor_is_told_for_ours() -> None:
    text = markdown(made_up())
    assert "| model | artifact | floor | over | matrix product | depthwise | copy |" in text
    assert "| some_net | .pte fp32 | 40.0 | 2.0 | 60.0 | 20.0 | 0.0 |" in text
    assert "| some_net | .tflite int8 | 10.0 | 8.0 | 60.0 | 20.0 | 11.0 |" in text
    assert "stock" not in text.split("What stands between")[1].split("##")[0]


def test_what_decides_about_a_file_is_in_its_key() -> None:
    for contestant in CONTESTANTS:
        assert contestant.peer.exporter in EXPORTERS and all((ROOT / path).exists() for path in contestant.peer.sources)
        assert ("ghostdeploy/profiles" in contestant.peer.sources) is contestant.peer.ours
    assert len({(c.name, c.precision) for c in CONTESTANTS}) == len(CONTESTANTS)


def test_equal_files_of_two_contestants_are_rows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "emulator", lambda: EMULATOR)
    made = Export(Path("model.pte"), "ab" * 32, 1, Cost(1.0, 1.0, 1))
    assert len({counting._key(made, contestant, "cortex-a76") for contestant in CONTESTANTS}) == len(CONTESTANTS)


def test_what_this_machine_lacks_is_told_and_not_kept(tmp_path: Path) -> None:
    """A venv that is made afterwards is used by the next run."""
    nowhere = next(c for c in CONTESTANTS if c.peer.environment)
    nowhere = replace(nowhere, peer=replace(nowhere.peer, environment="nowhere"))
    row = counting._row(nowhere, Source("mobilenetv2_100"), 224, "cortex-a76", tmp_path)
    assert row.instructions is None and "make .venv-nowhere/.ready" in (row.failure or "")
    assert not list(tmp_path.iterdir())


def test_the_document_is_read_back() -> None:
    result = made_up()
    assert records.from_json(ArmResult, json.loads(json.dumps(records.to_json(result)))) == result


def test_rows_of_others_come_from_an_earlier_count_each_with_its_own_day() -> None:
    now, before = replace(made_up().models[0], rows=()), made_up()
    found = taken(now, before, "cortex-a76", ())
    assert set(found) == {(c.name, c.precision) for c in CONTESTANTS if not c.peer.ours}
    assert all(row in before.models[0].rows for row in found.values())
    rows = tuple(row if (row.contestant, row.precision) in found else replace(row, counted="2026-02-03")
                 for row in before.models[0].rows)
    text = markdown(replace(before, models=(replace(now, rows=rows),)))
    assert "Ours were counted on 2026-02-03, the others on 2026-01-02 (each" in text


def test_a_row_that_the_earlier_count_has_not_is_left_to_be_counted() -> None:
    before = made_up()
    short = replace(before.models[0], rows=before.models[0].rows[:4])
    found = taken(replace(short, rows=()), replace(before, models=(short,)), "cortex-a76", ())
    assert {name for name, _ in found} == {"stock ExecuTorch, fused by us", "stock ExecuTorch, unfused"}


def test_ours_can_be_counted_in_some_precisions_alone_and_keep_their_day_in_the_others() -> None:
    before = made_up()
    found = taken(replace(before.models[0], rows=()), before, "cortex-a76", ("mixed",))
    assert {(c.name, c.precision) for c in CONTESTANTS} - set(found) == {("ours .pte", "mixed")}
    rows = tuple(row if row.precision != "mixed" else replace(row, counted="2026-02-03") for row in
                 before.models[0].rows)
    text = markdown(replace(before, models=(replace(before.models[0], rows=rows),)))
    assert "Ours were counted from 2026-01-02 to 2026-02-03, the others on 2026-01-02" in text


@pytest.mark.parametrize("words", [["--recount", "mixed"], ["--recount", "int4", "--others-from", "docs/arm.json"]])
def test_what_cannot_be_recounted_is_refused(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks.arm", *words, "-o", str(tmp_path / "arm.json")],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--recount" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("change", "why"), [
    ({"cpu": "cortex-a53"}, "cortex-a53"),
    ({"torch": "1.0"}, "torch 1.0"),
    ({"models": ()}, "some_net is not in it"),
    ({"models": (replace(made_up().models[0], macs=1),)}, "another network"),
])
def test_rows_of_others_that_do_not_belong_are_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError) as refused:
        taken(made_up().models[0], replace(made_up(), **change), "cortex-a76", ())   # type: ignore[arg-type]
    assert why in refused.value.why and "--others-from" in refused.value.next


@pytest.mark.parametrize("format", ["pte", "onnx"])
def test_rows_of_others_of_another_runtime_are_refused(format: str) -> None:
    model = made_up().models[0]
    rows = tuple(replace(row, instructions=replace(row.instructions, runtime=RuntimeInfo("other", "9", None)))
                 if row.format == format and row.instructions is not None else row for row in model.rows)
    with pytest.raises(UsageError, match="cannot be taken") as refused:
        taken(model, replace(made_up(), models=(replace(model, rows=rows),)), "cortex-a76", ())
    assert "other 9" in refused.value.why


def test_what_the_readme_says_of_the_published_count_is_in_it() -> None:
    published = ArmResult.load(ROOT / "docs" / "arm.json")
    millions = {(model.model, row.precision, row.contestant): row.instructions.per_inference / 1e6
                for model in published.models for row in model.rows if row.instructions is not None}
    ours = {contestant.name for contestant in CONTESTANTS if contestant.peer.ours}
    for model in published.models:
        for precision in ("fp32", "fp16", "int8"):
            counts = {name: count for (of, given, name), count in millions.items() if (of, given) == (
                model.model, precision)}
            assert len(counts) == sum(contestant.precision == precision for contestant in CONTESTANTS)
            # Where a network has nothing to rewrite, stock ExecuTorch writes the same program.
            assert min(counts[name] for name in ours & counts.keys()) <= 1.0005 * min(counts.values())
    readme = [line.strip().split(" | ") for line in (ROOT / "README.md").read_text().splitlines()]
    for precision in ("fp32", "fp16", "int8"):
        row = next(cells for cells in readme if cells[0] == f"| {precision}")
        for cell, name in zip(row[1:], ("ours .pte", "ours .tflite", "stock ExecuTorch, fused by us", "litert-torch",
                                        "ONNX Runtime, fused by us"), strict=True):
            told = millions.get(("ghostnetv3_100", precision, name))
            assert cell.removesuffix(" |").split(" ")[0] == ("-" if told is None else f"{told:.1f}")


def test_the_published_count_can_give_its_others(tmp_path: Path) -> None:
    docs = ROOT / "docs"
    published = ArmResult.load(docs / "arm.json")
    assert len(published.models) == 18
    assert markdown(published) == (docs / "arm.md").read_text()
    (wrong := tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(ResultInvalid, match="no comparison by arm64 instructions"):
        ArmResult.load(wrong)
