"""Loads the architectures that are written out in models/*.py, because no library has them."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from types import ModuleType

from ghostdeploy.resources import folder

# models/ is a folder of data beside the package, or inside it once installed: no import statement reaches both.
NAMESPACE = "ghostdeploy.models"


@cache
def definition(file: str) -> ModuleType:
    """The module that `file`, such as `mobilenext.py`, in models/ defines; the same one each time."""
    path = folder("models") / file
    spec = importlib.util.spec_from_file_location(f"{NAMESPACE}.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module    # dataclasses and pickle look modules up by name
    spec.loader.exec_module(module)
    return module
