"""The small parts of a device: records, warm-up, CPU masks, what the machine says of itself."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostdeploy.device.base import Core
from ghostdeploy.device.cpus import choose
from ghostdeploy.device.job import Job
from ghostdeploy.device.lookup import opened
from ghostdeploy.device.records import RecordError, from_json, to_json
from ghostdeploy.device.warmup import ANDROIDX, WarmUpDetector, WarmUpRule
from ghostdeploy.errors import AffinityRefused, DeviceNotFound, UsageError


@dataclass(frozen=True)
class Inner:
    number: int
    share: float


@dataclass(frozen=True)
class Outer:
    name: str
    flag: bool
    kind: Literal["a", "b"]
    where: Path
    inner: Inner
    maybe: Inner | None
    many: tuple[Inner, ...]
    pair: tuple[float, float]
    counts: dict[str, int]


FINITE = st.floats(allow_nan=False, allow_infinity=False)
INNERS = st.builds(Inner, st.integers(), FINITE)
PATHS = st.text(st.characters(categories=("L", "N")), min_size=1).map(Path)
OUTERS = st.builds(Outer, st.text(), st.booleans(), st.sampled_from(["a", "b"]), PATHS, INNERS, st.none() | INNERS,
                   st.lists(INNERS).map(tuple), st.tuples(FINITE, FINITE), st.dictionaries(st.text(), st.integers()))
JSON: Any = st.recursive(st.none() | st.booleans() | st.integers() | FINITE | st.text(),
                         lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(OUTERS)
def test_records_survive_json(record: Outer) -> None:
    assert from_json(Outer, json.loads(json.dumps(to_json(record)))) == record


@given(JSON)
def test_any_json_is_a_job_or_an_error(document: Any) -> None:
    with pytest.raises(RecordError):
        from_json(Job, document)


@pytest.mark.parametrize("change", [{"name": 1}, {"flag": 1}, {"flag": None}, {"kind": "c"}, {"inner": None},
                                    {"pair": [1.0]}, {"pair": 3}, {"many": [{}]}, {"counts": {"x": "1"}}, {"more": 1},
                                    {"inner": {"number": True, "share": 1.0}}, {"inner": {"number": 1.5, "share": 1.0}},
                                    {"inner": {"number": 1, "share": float("inf")}}, {"many": {}}])
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    whole = Outer("n", True, "a", Path("p"), Inner(1, 2.0), None, (), (1.0, 2.0), {})
    with pytest.raises(RecordError):
        from_json(Outer, {**to_json(whole), **change})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(RecordError, match="share"):
        from_json(Inner, {"number": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(RecordError):
        to_json({"x": value})


def warmed(times: list[int], rule: WarmUpRule = ANDROIDX) -> WarmUpDetector:
    detector = WarmUpDetector(rule)
    for ns in times:
        if detector.done:
            break
        detector.add(ns)
    return detector


def test_steady_runs_are_warm_after_the_minimum_time() -> None:
    detector = warmed([10_000_000] * 1000)
    assert detector.converged
    assert detector.runs == 42      # more than 40 in a row agree; the first has nothing to agree with
    assert warmed([1_000_000] * 1000).runs == 250       # 250 ms come last


def test_runs_that_get_faster_keep_it_waiting() -> None:
    falling = [int(20_000_000 * 0.99 ** i) + 5_000_000 for i in range(2000)]
    assert warmed(falling).runs > 200


def test_runs_that_never_settle_are_given_up_after_eight_seconds() -> None:
    # Ten slow, ten fast: the fast average swings about the slow one.
    detector = warmed([30_000_000 if i // 10 % 2 else 10_000_000 for i in range(10_000)])
    assert not detector.converged and 8_000_000_000 <= detector.ns <= 8_030_000_000


@pytest.mark.parametrize("ns", [200_000_000, 250_000_000, 3_000_000_000])
def test_a_slow_steady_model_gets_warm(ns: int) -> None:
    detector = warmed([ns, int(ns * 1.01)] * 500)
    assert detector.converged and detector.runs == 42


def test_a_slow_model_survives_one_disturbed_run() -> None:
    assert warmed([250_000_000] * 10 + [500_000_000] + [250_000_000] * 500).converged


def test_a_slow_model_that_never_settles_is_given_up_after_a_rounds_runs() -> None:
    detector = warmed([300_000_000 if i // 10 % 2 else 200_000_000 for i in range(1000)])
    assert not detector.converged and detector.runs == 100


def test_one_spike_starts_the_count_again() -> None:
    assert warmed([10_000_000] * 30 + [100_000_000] + [10_000_000] * 500).runs > 31 + 40


def test_no_warm_up_at_all() -> None:
    assert warmed([5], WarmUpRule(max_ns=0)).outcome().runs == 0


BIG_LITTLE = tuple(Core(i, 1_800_000 if i < 4 else 2_800_000) for i in range(8))


@pytest.mark.parametrize(("wanted", "chosen"), [("all", (0, 1, 2, 3, 4, 5, 6, 7)), ("big", (4, 5, 6, 7)),
                                                ("f0", (4, 5, 6, 7)), ("0x81", (0, 7)), ("1", (0,))])
def test_cpus(wanted: str, chosen: tuple[int, ...]) -> None:
    assert choose(wanted, BIG_LITTLE) == chosen


def test_big_cores_of_a_machine_that_does_not_tell_are_all_of_them() -> None:
    assert choose("big", (Core(0, None), Core(3, None))) == (0, 3)


@pytest.mark.parametrize("wanted", ["", "0", "-1", "small", "1,2", "g"])
def test_no_mask(wanted: str) -> None:
    with pytest.raises(UsageError):
        choose(wanted, BIG_LITTLE)


def test_a_mask_beyond_the_machine() -> None:
    with pytest.raises(AffinityRefused, match="8"):
        choose("100", BIG_LITTLE)


def test_this_machine() -> None:
    with opened("local") as here:
        info, state = here.describe(), here.state()
    assert info.kind == "local" and info.abi == platform.machine() and info.kernel == os.uname().release
    assert {core.index for core in info.cores} == os.sched_getaffinity(0)
    assert info.page_size == os.sysconf("SC_PAGE_SIZE") and info.memory_kb > 100_000
    assert len(state.clocks_khz) == len(info.cores) and (state.load or 0) >= 0


@pytest.mark.parametrize("serial", [None, "R58M123ABC", ""])
def test_another_device_is_not_found_and_local_is_named(serial: str | None, nobody: dict[str, str],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in nobody.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(DeviceNotFound) as caught, opened(serial):
        pass
    assert "--device local" in caught.value.next
