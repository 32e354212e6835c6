"""What may have made runs outliers."""

from __future__ import annotations

from dataclasses import replace

from ghostdeploy.benchmark.outlier_causes import UNEXPLAINED, causes
from tests.synthetic_results import synthetic

ROUND = synthetic().rounds[0]       # one outlier, and the process lost its core


def test_the_rarest_event_of_a_round_is_named() -> None:
    calm = replace(ROUND, preempted=0)
    stolen = replace(ROUND, after=replace(ROUND.after, stolen_s=(ROUND.before.stolen_s or 0) + 0.5))
    moved = replace(stolen, after=replace(stolen.after, limits_khz=(1_000_000,)))
    hot = replace(moved, after=replace(moved.after, thermal_status=2))
    assert [causes([each])[0][0].rpartition(" in which ")[2] for each in (ROUND, stolen, moved, hot)] == [
        "the process lost its core", "a hypervisor took the cores", "clock limits moved", "the thermal status changed"]
    assert causes([calm]) == ((UNEXPLAINED, 1),)


def test_they_add_up_to_all_outliers() -> None:
    rounds = [ROUND, replace(ROUND, outliers=(0, 1, 2), preempted=0), replace(ROUND, outliers=())]
    assert causes(rounds) == ((UNEXPLAINED, 3), ("in rounds in which the process lost its core", 1))
    assert causes([]) == ()
