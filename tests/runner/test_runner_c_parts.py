"""Parts of the runner's shared core by themselves, compiled for this machine: warm-up rule, hash, JSON."""

from __future__ import annotations

import ctypes
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostdeploy.device.android.zig import zig
from ghostdeploy.device.warmup import WarmUpDetector, WarmUpRule
from ghostdeploy.resources import folder


class Rule(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_double) for name in ("fast", "slow", "tolerance")),
                *((name, ctypes.c_int64) for name in ("similar_runs", "min_runs", "min_ns", "max_ns",
                                                          "fair_runs")))


class State(ctypes.Structure):
    _fields_ = (("rule", Rule), ("fast", ctypes.c_double), ("slow", ctypes.c_double), ("runs", ctypes.c_int64),
                ("ns", ctypes.c_int64), ("similar", ctypes.c_int64), ("converged", ctypes.c_bool))


class Text(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("length", ctypes.c_size_t), ("capacity", ctypes.c_size_t))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    source, path = folder("android_bench") / "src", tmp_path_factory.mktemp("core") / "core.so"
    zig("x86_64").run("cc", "-target", "x86_64-linux-gnu.2.34", "-O2", "-shared", "-fPIC", "-ffp-contract=off", "-o",
                      str(path), *(str(source / f"{name}.c") for name in ("warmup", "sha256", "json", "memory")))
    library = ctypes.CDLL(str(path))
    library.warmup_start.restype, library.warmup_start.argtypes = State, [Rule]
    library.warmup_defaults.restype = Rule
    library.warmup_done.restype = ctypes.c_bool
    return library


def test_the_constants_are_the_same(core: ctypes.CDLL) -> None:
    theirs, ours = core.warmup_defaults(), WarmUpRule()
    assert [getattr(theirs, name) for name, _ in Rule._fields_] == [getattr(ours, name) for name, _ in Rule._fields_]


TIMES = st.one_of(st.lists(st.integers(0, 10**9), max_size=120),
                  st.tuples(st.integers(10**6, 10**8), st.lists(st.integers(-10**5, 10**5), min_size=60, max_size=200))
                  .map(lambda drawn: [drawn[0] + wobble for wobble in drawn[1]]))


@settings(max_examples=150, deadline=None)
@given(times=TIMES)
def test_the_warm_up_rule_is_the_same(core: ctypes.CDLL, times: list[int]) -> None:
    rule = WarmUpRule(min_ns=10**7, max_ns=3 * 10**9)
    ours = WarmUpDetector(rule)
    theirs = core.warmup_start(Rule(*(getattr(rule, name) for name, _ in Rule._fields_)))
    for ns in times:
        ours.add(ns)
        core.warmup_add(ctypes.byref(theirs), ctypes.c_int64(ns))
        assert (theirs.runs, theirs.ns, theirs.converged) == (ours.runs, ours.ns, ours.converged)
        assert core.warmup_done(ctypes.byref(theirs)) == ours.done
        if ours.done:
            break


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_sha256(core: ctypes.CDLL, data: bytes) -> None:
    hexadecimal = ctypes.create_string_buffer(65)
    core.sha256(data, ctypes.c_size_t(len(data)), hexadecimal)
    assert hexadecimal.value.decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [55, 56, 63, 64, 65, 119, 120, 127, 128, 1 << 20])
def test_sha256_at_block_borders(core: ctypes.CDLL, size: int) -> None:
    test_sha256.hypothesis.inner_test(core, bytes(i % 251 for i in range(size)))


@settings(max_examples=100, deadline=None)
@given(text=st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"")))
def test_json_strings(core: ctypes.CDLL, text: bytes) -> None:
    built = Text()
    core.json_open(ctypes.byref(built), ctypes.c_char(b"{"))
    core.json_put_string(ctypes.byref(built), b"first", text)
    core.json_put_string(ctypes.byref(built), b"second", None)
    core.json_close(ctypes.byref(built), ctypes.c_char(b"}"))
    document = json.loads(ctypes.string_at(built.text, built.length))
    assert document == {"first": text.decode("latin-1"), "second": None}


def test_the_sources_are_all_built() -> None:
    from ghostdeploy.device.android.build import BACKENDS, CORE

    built = {f"{name}.c" for name in CORE} | {name for group in BACKENDS.values() for name in group}
    assert {path.name for path in Path(folder("android_bench") / "src").iterdir() if path.suffix != ".h"} == built
