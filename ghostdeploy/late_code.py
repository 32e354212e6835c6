"""Python code of graph modules, written when one is called instead of whenever one is made or changed.

torch.fx writes and compiles a module's code at every change. While ExecuTorch lowers a graph that happens 147 times,
and nine modules are ever called: the rest is interpreted, or replaced by the next pass. The bytes are the same.
GhostNetV3 0.5x at 112x112, medians of three, interleaved: 14 instead of 19 s of CPU. `torch.export` does it six times
for one trace: 1.9 instead of 2.3 s of CPU for GhostNetV3 1.6x (medians of five, interleaved).

It replaces a method of torch's own, so with a torch that it was not tested with it does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final

from torch.fx import GraphModule
from torch.fx.graph import _PyTreeCodeGen

TESTED_TORCH: Final = "2.13.0"


@contextmanager
def late_code() -> Iterator[None]:
    """For the length of the block. A module made there can be called after it too; its `code` is empty until then."""
    if version("torch").split("+")[0] != TESTED_TORCH:
        yield
        return
    compile_now = GraphModule.recompile

    def compile_then_call(module: GraphModule, *arguments: Any, **named: Any) -> Any:
        compile_now(module)      # puts the written function in this one's place
        return module.forward(*arguments, **named)

    def compile_late(module: GraphModule) -> None:
        convention = module.graph._codegen
        if isinstance(convention, _PyTreeCodeGen):      # what others read without calling the module
            module._in_spec, module._out_spec = convention.pytree_info.in_spec, convention.pytree_info.out_spec
        module._code = ""
        type(module).forward = compile_then_call    # every graph module has a class of its own

    GraphModule.recompile = compile_late    # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        GraphModule.recompile = compile_now     # type: ignore[method-assign]
