"""Any bytes at all: a checkpoint loads with finite weights, or is refused with one of our own errors."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ghostdeploy
from ghostdeploy.checkpoint import kind
from ghostdeploy.checkpoint.identify import open_checkpoint
from ghostdeploy.errors import CheckpointContent, CheckpointFormat, CheckpointUnsafe, InputError
from tests.checkpoints import tiny_file

OWN = "tests.tiny:factory"


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Overwrite, cut out or insert a few bytes, mostly near the ends, where the structure of a file is."""
    edits = draw(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from(["set", "cut", "insert"]),
                                    st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))

    def mutate(data: bytes) -> bytes:
        for at, near_ends, how, piece in edits:
            spot = int(at * min(len(data), 3000))
            index = (spot if spot % 2 else max(len(data) - spot, 0)) if near_ends else int(at * len(data))
            kept = index + len(piece) if how != "insert" else index
            data = data[:index] + (b"" if how == "cut" else piece) + data[kept:]
        return data

    return mutate


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutate=mutations())
def test_a_mutated_checkpoint_loads_or_is_refused(tmp_path: Path, container: str,
                                                  mutate: Callable[[bytes], bytes]) -> None:
    whole = tmp_path / "whole"
    data = whole.read_bytes() if whole.exists() else tiny_file(whole, container)
    path = write(tmp_path / "mutated.pth", mutate(data))
    try:
        loaded = ghostdeploy.load(path, model=OWN)
    except InputError:
        return
    assert all(value.isfinite().all() for value in loaded.module.state_dict().values())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", kind.ZIP, kind.LEGACY, b"\x80\x02", struct.pack("<Q", 16) + b"{"]),
       data=st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path: Path, head: bytes, data: bytes) -> None:
    with pytest.raises((CheckpointFormat, CheckpointUnsafe, CheckpointContent)):
        open_checkpoint(write(tmp_path / "random.pth", head + data))
