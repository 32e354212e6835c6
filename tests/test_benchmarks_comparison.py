"""The comparison's arithmetic: what a ratio is, who can be the best peer, and what the documents say of it."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks import comparison, run
from benchmarks.comparison import Standing, fastest, ratio
from benchmarks.environments import ROOT
from benchmarks.export_worker import Cost
from benchmarks.exporters import EXPORTERS
from benchmarks.exporting import Export, NoExport
from benchmarks.models import MODELS, QUICK
from benchmarks.peers import PEERS, Peer, chosen
from benchmarks.result import ModelComparison, PeerRecord, PeersResult, ProtocolRecord
from benchmarks.rounds import Round
from benchmarks.table import markdown
from benchmarks.truth import WRONG
from benchmarks.worker import Report
from ghostdeploy import zoo
from ghostdeploy.device import machine
from ghostdeploy.device.job import Timing
from ghostdeploy.device.runtimes.base import RuntimeInfo
from ghostdeploy.device.warmup import WarmUp
from ghostdeploy.errors import ResultInvalid, UsageError

RIGHT = 1e-6


def standing(name: str, medians: list[float], error: float = RIGHT) -> Standing:
    return Standing(name, 1, dict(enumerate(medians)), error)


def a_round(peer: str, number: int, ms: float, error: float = RIGHT, failure: str | None = None) -> Round:
    timing = Timing(WarmUp(42, 1, True), (round(ms * 1e6),) * 5, 0, 0, True)
    report = Report(RuntimeInfo(peer, "1", None), (0,), 1, timing, timing.samples_ns)
    if failure is not None:
        return Round(peer, 1, number, "2026-01-01T00:00:00+00:00", None, None, failure)
    return Round(peer, 1, number, f"2026-01-01T00:00:0{number}+00:00", report, error, None)


def test_one_thread_is_told_by_cpu_time_and_two_by_the_wall_clock() -> None:
    one = a_round("ours-pte", 0, 4.0)
    assert one.report is not None
    busy = dataclasses.replace(one.report.timing, samples_ns=(9_000_000,) * 5)
    disturbed = dataclasses.replace(one, report=dataclasses.replace(one.report, timing=busy))
    assert comparison.standing([disturbed]).median_ms == 4.0
    assert comparison.standing([dataclasses.replace(disturbed, threads=2)]).median_ms == 9.0


def compared(rounds: list[Round], missing: tuple[str, ...] = ()) -> PeersResult:
    """A result of these rounds, by the code that makes the real one."""
    peers: tuple[Peer, ...] = chosen(tuple(dict.fromkeys([*(r.peer for r in rounds), *missing])))
    export = Export(Path("x"), "0", 1_000_000, Cost(1.0, 2.0, 300_000))
    exports: dict[str, Export | NoExport] = {
        p.name: NoExport("its environment is not set up", True) if p.name in missing else export for p in peers}
    entries = tuple(run._entries(peers, exports, rounds, 1))
    best = run._best_peer(peers, run._standings(rounds, 1))
    model = ModelComparison("m", "Model", "random", 224, "a", "b", {} if best is None else {"1": best.peer},
                            tuple(run._export(name, made) for name, made in exports.items()), entries)
    records = tuple(PeerRecord(p.name, p.title, p.ours, p.settings, "x 1") for p in peers)
    return PeersResult(1, "now", "0", machine.describe(), ProtocolRecord(3, 5, (1,), {"1": (0,)}, WRONG), records,
                       (model,))


def test_a_ratio_is_taken_within_rounds_so_that_a_drifting_machine_cancels() -> None:
    drift = [1.0, 1.5, 3.0, 1.2, 2.0, 0.8, 1.1]
    ours, theirs = standing("a", [0.7 * d for d in drift]), standing("b", drift)
    found = ratio(ours, theirs)
    assert found.value == pytest.approx(0.7)
    assert found.high - found.low < 1e-9


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    for rounds in (3, 7):
        held = 0
        for _ in range(400):
            noise = generator.normal(1, 0.03, (2, rounds))
            found = ratio(standing("a", list(0.8 * noise[0])), standing("b", list(noise[1])))
            held += found.low <= 0.8 <= found.high
        assert held / 400 > 0.92, rounds


def test_one_round_has_a_ratio_and_no_confidence() -> None:
    found = ratio(standing("a", [1.0]), standing("b", [2.0]))
    assert (found.value, found.confidence) == (0.5, 0.0)


def test_peers_without_a_common_round_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="no round in common"):
        ratio(Standing("a", 1, {0: 1.0}, RIGHT), Standing("b", 1, {1: 1.0}, RIGHT))


@pytest.mark.parametrize("error", [2 * WRONG, float("nan")])
def test_who_is_wrong_cannot_be_the_fastest(error: float) -> None:
    standings = {"quick": standing("quick", [1.0], error), "slow": standing("slow", [2.0])}
    found = fastest(standings, ["quick", "slow"])
    assert found is not None
    assert found.peer == "slow"
    assert fastest({"quick": standings["quick"]}, ["quick"]) is None


def test_a_wrong_peer_is_named_and_nobody_is_measured_against_it() -> None:
    rounds = [a_round(peer, n, ms, error) for n in range(3) for peer, ms, error in
              [("ours-pte", 4.0, RIGHT), ("litert-torch", 1.0, 2e-3), ("onnxruntime", 8.0, RIGHT)]]
    result = compared(rounds)
    model = result.models[0]
    assert model.best_peer == {"1": "onnxruntime"}
    ours, wrong = (next(e for e in model.entries if e.peer == name) for name in ("ours-pte", "litert-torch"))
    assert ours.to_best_peer is not None
    assert ours.to_best_peer.value == pytest.approx(0.5)
    assert wrong.status == "wrong"
    assert "**WRONG** 2.0e-03" in markdown(result)


def test_ours_are_never_the_best_peer() -> None:
    rounds = [a_round(peer, n, ms) for n in range(3) for peer, ms in [("ours-pte", 1.0), ("eager", 9.0)]]
    assert compared(rounds).models[0].best_peer == {"1": "eager"}


def test_a_round_that_failed_takes_its_peer_out_with_the_reason() -> None:
    rounds = [a_round("ours-pte", 0, 1.0), a_round("onnxruntime", 0, 1.0), a_round("eager", 0, 5.0),
              a_round("onnxruntime", 1, 0.0, failure="RuntimeError: it burst | twice")]
    result = compared(rounds)
    entry = next(e for e in result.models[0].entries if e.peer == "onnxruntime")
    assert (entry.status, entry.median_ms) == ("failed", None)
    assert result.models[0].best_peer == {"1": "eager"}
    assert "failed: RuntimeError: it burst / twice" in markdown(result)


def test_a_peer_without_environment_stands_in_the_table() -> None:
    result = compared([a_round("ours-pte", 0, 1.0), a_round("eager", 0, 5.0)], missing=("openvino",))
    assert next(e.status for e in result.models[0].entries if e.peer == "openvino") == "missing"
    assert "| OpenVINO | missing: its environment is not set up |" in markdown(result)


def test_a_result_survives_its_file_and_refuses_strangers(tmp_path: Path) -> None:
    result = compared([a_round(peer, n, 1.0) for n in range(3) for peer in ("ours-pte", "eager")])
    result.save(tmp_path / "r.json")
    assert PeersResult.load(tmp_path / "r.json") == result
    document = json.loads((tmp_path / "r.json").read_text())
    for spoilt in ({**document, "schema_version": 2}, {**document, "more": 1},
                   {name: value for name, value in document.items() if name != "models"}):
        (tmp_path / "s.json").write_text(json.dumps(spoilt))
        with pytest.raises(ResultInvalid):
            PeersResult.load(tmp_path / "s.json")


def test_random_weights_are_labelled_and_real_ones_named() -> None:
    result = compared([a_round(peer, 0, 1.0) for peer in ("ours-pte", "eager")])
    assert "**random weights**" in markdown(result)
    real = dataclasses.replace(result, models=(dataclasses.replace(result.models[0], weights="best.pth"),))
    assert "**random weights**" not in markdown(real)
    assert "weights of best.pth" in markdown(real)


def test_every_name_leads_somewhere() -> None:
    assert {peer.exporter for peer in PEERS} <= set(EXPORTERS)
    assert set(QUICK) <= set(MODELS)
    for name in MODELS:
        zoo.card(name)
    with pytest.raises(UsageError, match="no such peer"):
        chosen(("tensorrt",))
    for peer in PEERS:
        for source in peer.sources:
            assert (ROOT / source).exists()


def test_the_extras_pin_what_the_environments_install() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for environment in {peer.environment for peer in PEERS if peer.environment}:
        lines = (ROOT / "benchmarks" / f"requirements-{environment}.txt").read_text().split()
        assert lines == extras[f"peer-{environment}"]
        assert all("==" in line for line in lines)


def test_every_package_that_a_peer_is_told_by_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name, extra in extras.items() if name.startswith("peer-")
                                         for line in extra)]
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    # What a pinned package brings along in one version: litert-torch its converter.
    assert {name for peer in PEERS for name in (*peer.makers, *peer.runners)} - pinned == {"litert-converter"}


@pytest.mark.parametrize(("name", "threads", "column"), [("peers", 1, 2), ("peers", 2, 3), ("peers-xeon", 1, 4)])
def test_what_the_repository_shows_can_be_read_and_is_what_the_program_writes(name: str, threads: int,
                                                                              column: int) -> None:
    shown = PeersResult.load(ROOT / "docs" / f"{name}.json")
    assert markdown(shown) == (ROOT / "docs" / f"{name}.md").read_text()
    rows = [line.split(" | ") for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| ")]
    cells = {row[0].removeprefix("| "): row[column - 1] for row in rows if len(row) == 4}
    for model in shown.models:
        ours = [e for e in model.entries if e.peer.startswith("ours") and e.threads == threads and e.median_ms]
        best = min(ours, key=lambda e: e.median_ms or 0)
        ratio = best.to_best_peer
        assert ratio is not None
        assert cells[model.title].startswith(
            f"`.{best.peer.removeprefix('ours-')}` {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]")


def test_what_the_readme_says_of_ghostnetv3_over_onnx_runtime_was_measured() -> None:
    shown = PeersResult.load(ROOT / "docs" / "peers-ghostnetv3.json")
    assert markdown(shown) == (ROOT / "docs" / "peers-ghostnetv3.md").read_text()
    (model,) = shown.models
    assert model.best_peer == {"1": "onnxruntime"} and shown.protocol.rounds == 15
    ratios = {entry.peer: entry.to_best_peer for entry in model.entries}
    told = [f"{r.value:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in (ratios["ours-tflite"], ratios["ours-pte"])
            if r is not None]
    assert " and ".join(told) in " ".join((ROOT / "README.md").read_text().split())


def test_the_table_of_all_peers_is_what_the_program_writes_and_has_all() -> None:
    shown = PeersResult.load(ROOT / "docs" / "peers-all.json")
    assert markdown(shown) == (ROOT / "docs" / "peers-all.md").read_text()
    assert {entry.peer for model in shown.models for entry in model.entries} == {
        peer.name for peer in PEERS if peer.runtime is not None}
