"""Builds modules: the zoo's by their card, a user's own by `package.module:factory`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ghostdeploy.definitions import definition
from ghostdeploy.errors import ModelFactoryError
from ghostdeploy.torchvision_mend import mend
from ghostdeploy.wording import first_sentence
from ghostdeploy.zoo import Card


def build(card: Card, classes: int | None = None) -> nn.Module:
    """The training form of `card` in eval mode with the library's initial weights; its 1000 classes unless told."""
    mend()
    arguments: dict[str, Any] = dict(card.build.arguments)
    if classes is not None:
        arguments["num_classes"] = classes
    if card.build.library == "timm":
        import timm

        module: nn.Module = timm.create_model(card.build.model, pretrained=False, **arguments)
    elif card.build.library == "ghostdeploy":
        assert card.build.file is not None
        module = getattr(definition(card.build.file), card.build.model)(**arguments)
    else:
        import torchvision

        module = torchvision.models.get_model(card.build.model, weights=None, **arguments)
    return module.eval()


def deployed(module: nn.Module) -> nn.Module:
    """A copy of `module` with its re-parameterisable branches merged as timm merges them.

    The result has the tensor names of checkpoints that were saved in deployed form. It is not our fusion, which works
    on any graph and leaves nothing that could be merged.
    """
    from timm.utils.model import reparameterize_model

    merged: nn.Module = reparameterize_model(module)
    return merged.eval()


def skeleton(card: Card, classes: int | None = None, *, merged: bool = False) -> nn.Module:
    """`card`'s module on the meta device: all names and shapes, no values, no time spent on initialising."""
    with torch.device("meta"):
        module = build(card, classes)
        return deployed(module) if merged else module


def is_timm_model(name: str) -> bool:
    """Does timm have an architecture of this name?"""
    mend()
    import timm

    return bool(timm.is_model(name))


def is_factory(name: str) -> bool:
    """Does a `--model` value name a factory of the user's own rather than a card?"""
    return ":" in name


def build_user(spec: str) -> nn.Module:
    """What the factory `package.module:factory` returns, in eval mode. The working directory can be imported from.

    Raises:
        ModelFactoryError: it cannot be imported, fails, or returns something other than an `nn.Module`.
    """
    module_name, _, attribute = spec.partition(":")
    if not module_name or not attribute:
        raise ModelFactoryError(f"--model {spec} names no factory", "", "write it as package.module:factory")
    mend()
    with _importable(Path.cwd()):    # the factory too may import when it is called
        made = _call(spec, _find(spec, module_name, attribute))
    if not isinstance(made, nn.Module):
        raise ModelFactoryError(f"{spec} returned {type(made).__name__}, not a torch.nn.Module", "",
                                "let the factory build and return the module")
    return made.eval()


def _find(spec: str, module_name: str, attribute: str) -> Any:
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise ModelFactoryError(f"cannot import {module_name} for --model {spec}", first_sentence(error),
                                "start from the directory that holds it, or install it") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelFactoryError(f"{module_name} has no {attribute}", "", "check the name after the colon")
        found = getattr(found, part)
    if not callable(found):
        raise ModelFactoryError(f"{spec} is not callable, but of type {type(found).__name__}", "",
                                "name a function or class that takes no arguments and returns the module")
    return found


def _call(spec: str, factory: Any) -> Any:
    try:
        return factory()
    except Exception as error:
        raise ModelFactoryError(f"{spec} failed", first_sentence(error),
                                "it is called without arguments and must return an nn.Module") from error


@contextmanager
def _importable(directory: Path) -> Iterator[None]:
    """An installed console script does not have the working directory on its path; `python -m` does."""
    entry = str(directory)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:    # a factory may have tidied up
            sys.path.remove(entry)
