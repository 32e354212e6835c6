"""Whatever a phone prints, reading it ends in something sensible, and never in an exception."""

from __future__ import annotations

import math
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostdeploy.device.base import Core, DeviceInfo, DeviceState
from ghostdeploy.device.phone import (
    apps,
    battery,
    conditions,
    cores,
    cpuinfo,
    describe,
    journal,
    kernel,
    load,
    memory,
    packages,
    preflight,
    properties,
    space,
    state,
    thermal,
)
from ghostdeploy.device.phone.questions import Answers, Question, script, split
from ghostdeploy.phone_errors import DeviceUnsuitable
from tests.conditions.sampled import NAMES, sample

PIECES = st.sampled_from([line for name in NAMES for line in sample(name[:-4]).splitlines()] + [
    "package:com.a.b", "level: 5", "temperature: -9999", "Thermal Status: 2", "[a]: [b", "processor : 99999999999",
    "0-5000", "cpu  1 2 3 4 5 6 7 8", "cpu0/cpufreq/scaling_max_freq:0", "\x00", "=", ":", "]", "9" * 400,
    "\u0661\u0662", "null", "1"])
TEXT = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("\n".join),
                 st.lists(PIECES, max_size=10).map("\r\n".join),
                 st.binary(max_size=200).map(lambda b: b.decode("utf-8", "backslashreplace")))


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A real format with something cut out of it, something put into it, or something said twice."""
    text = sample(draw(st.sampled_from(NAMES))[:-4])
    first, last = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    return text[:first] + draw(st.one_of(st.just(""), TEXT, st.just(text[first:last] * 2))) + text[last:]


INFO = DeviceInfo("android", "X1", None, None, None, "arm64-v8a", "Android", None, None, "?", 4096, 1,
                  tuple(Core(index, None) for index in range(4)), (), ())


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXT, damaged()))
def test_every_reader_ends_in_something_sensible(text: str) -> None:
    built = properties.read(text)
    assert built.api_level is None or built.api_level > 0
    cell = battery.read(text)
    assert cell.percent is None or 0 <= cell.percent <= 100
    assert cell.celsius is None or -40 < cell.celsius < 150
    heat = thermal.read(text)
    assert heat.status in (None, 0, 1, 2, 3, 4, 5, 6)
    assert heat.hottest is None or math.isfinite(heat.hottest)
    assert all(0 <= core < 1024 for core in cores.read(text).usable) or cores.read(text).present is None
    assert isinstance(cpuinfo.read(text), cpuinfo.CpuInfo)
    assert (memory.total_kb(text) or 1) > 0 and (space.free_kb(text) or 0) >= 0
    assert kernel.page_size(text) in (None, 4096, 16384, 65536)
    assert (load.average(text) or 0) >= 0 and 0 <= (load.busy_share(text, text) or 0) <= 1
    for names in (packages.listed(text), packages.components(text), packages.alone(text)):
        assert all(name.isascii() and len(name) <= 255 and " " not in name for name in names)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["properties", "kernel", "machine", "page", "memory", "cpuinfo", "cores",
                                        "thermal", "battery", "loadavg", "screen", "battery-saver", "third-party",
                                        "home"]),
                       st.one_of(TEXT, damaged())))
def test_whole_answers_too(texts: dict[str, str]) -> None:
    answers = Answers(texts, {})
    with suppress(DeviceUnsuitable):
        info = describe.device_info("X1", answers)
        assert info.cores and info.memory_kb > 0 and info.abi
    assert isinstance(state.device_state(INFO, answers), DeviceState)
    for finding in preflight.findings(preflight.facts(answers), preflight.THRESHOLDS, ()):
        assert finding.name in preflight.NAMES and finding.sentence and finding.way_out
    assert not {*(plan := apps.planned(answers, ())).stop} & {kept.package for kept in plan.kept}


@settings(max_examples=150, deadline=None)
@given(st.one_of(TEXT, damaged()))
def test_no_value_of_a_setting_becomes_more_than_words(value: str) -> None:
    for setting in (*conditions.ALL, conditions.HOME_SCREEN):
        setting.read(value)
        for words in setting.commands(value):
            assert all(word.isascii() and word.replace("_", "").replace("-", "").isalnum() for word in words)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), TEXT.map(lambda text: text.encode("utf-8", "replace"))))
def test_only_a_journal_is_read_as_one(data: bytes) -> None:
    assert journal.parse(data) is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_an_answer_cannot_pass_for_the_next_question(text: str) -> None:
    """The marker is random: what is printed without knowing it stays in its own answer."""
    first, second = Question("first", ":"), Question("second", ":")
    answers = split(f"\n@m first\n{text}\n@m = 0\n\n@m second\nyes\n\n@m = 3\n", "@m")
    if "@m" not in text:
        assert answers[second] == "yes\n" and answers.status(second) == 3 and answers.status(first) == 0


def test_an_answer_that_was_cut_is_empty_where_it_is_missing() -> None:
    answers = split("\n@m first\nhalf", "@m")
    assert answers[Question("first", "")] == "half" and answers.status(Question("first", "")) is None
    assert answers[Question("second", "")] == ""


@pytest.mark.parametrize("text", [" " * 200_000, "[a]: [" * 20_000, "a" * 200_000, "a " * 100_000,
                                  "Temperature{mValue=1, " * 9000, "a." * 100_000, "package:" + "a=" * 100_000,
                                  "1," * 100_000, "processor:1\n\n" * 20_000])
def test_long_nonsense_is_read_quickly(text: str) -> None:
    start = time.monotonic()
    for read in (properties.read, battery.read, thermal.read, cores.read, cpuinfo.read, packages.listed, packages.alone,
                 packages.components, space.free_kb, conditions.SCREEN.read, conditions.HOME_SCREEN.read):
        read(text)
    assert time.monotonic() - start < 10


def test_the_scripts_fit_into_one_packet_of_the_oldest_phones() -> None:
    from ghostdeploy.device.phone import control

    for questions in (describe.QUESTIONS, state.QUESTIONS, control.QUESTIONS):
        assert len(script(questions)) < 3500        # 4096 less the quotes and the words around it
