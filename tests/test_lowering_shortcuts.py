"""What lowering replaces of torch and ExecuTorch: where it was tested, and never at the price of an artifact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from executorch.backends.xnnpack._passes import XNNPACKPassManager
from torch.fx import GraphModule

from ghostdeploy.lowering.executorch import idle_passes, lower_pte, shortcuts
from ghostdeploy.trace import trace
from tests.test_lowering_executorch import GATES, Many, Noted, relative_errors

FEW = {name: GATES[name] for name in ("product", "an output")}
STOCK = (GraphModule.recompile, XNNPACKPassManager.transform)


def test_another_executorch_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module, example, said, seen = Many(FEW).eval(), torch.randn(1, 3, 10, 14), Noted(), []
    ours = lower_pte(trace(module, example), example)
    monkeypatch.setattr(shortcuts, "installed", lambda package: "9.9")
    monkeypatch.setattr(said, "stage", lambda name: seen.append((GraphModule.recompile, XNNPACKPassManager.transform)))
    stock = lower_pte(trace(module, example), example, progress=said)
    assert stock.data == ours.data
    assert set(seen) == {STOCK} and said.notes == []


def test_where_a_shortcut_fails_the_stock_lowering_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def broken() -> Iterator[None]:
        with idle_passes.working_passes_only():
            raise AttributeError("no such thing in this ExecuTorch")
        yield

    monkeypatch.setattr(shortcuts, "working_passes_only", broken)
    module, example, said = Many(FEW).eval(), torch.randn(1, 3, 10, 14), Noted()
    lowered = lower_pte(trace(module, example), example, progress=said)
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, {})
    (note,) = said.notes
    assert "where its idle work is left out" in note and "no such thing" in note
    assert dict(lowered.passes)["nearest-as-slices"] == 0, "the plug-in has nothing to do with it"
    assert {name: e for name, e in relative_errors(module, lowered, example).items() if e > 1e-6} == {}
    assert (GraphModule.recompile, XNNPACKPassManager.transform) == STOCK
