"""Frozen dataclasses to JSON and back, strictly: what does not fit its declared type is refused with its place.

Everything that crosses a process or a file goes through here, so a field is declared once, in its dataclass.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class RecordError(ValueError):
    """Raised when a document does not fit a dataclass; the message names the place."""


def to_json(value: object) -> Any:
    """`value` as what `json.dumps` takes: dataclasses become objects, tuples arrays, paths strings.

    Raises:
        RecordError: a float is NaN or infinite; JSON has neither.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"{value} has no JSON form")
    if value is None or isinstance(value, str | int | float):
        return value
    raise RecordError(f"{type(value).__name__} has no JSON form")


def from_json(cls: type[T], document: object) -> T:
    """The dataclass `cls` that `document` (parsed JSON) describes, nested ones included.

    What has a default may be missing: files of earlier versions know nothing of newer fields.

    Raises:
        RecordError: a key is missing or unknown, or a value is not of its declared type.
    """
    made: T = _value(cls, document, cls.__name__)
    return made


def _value(hint: Any, document: object, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _union(arguments, document, where)
    if origin is typing.Literal:
        if not isinstance(document, str | int) or document not in arguments:
            raise RecordError(f"{where} is not one of {arguments}")
        return document
    if origin is tuple:
        return _tuple(arguments, document, where)
    if origin is dict:
        if not isinstance(document, dict):
            raise RecordError(f"{where} is no object")
        return {key: _value(arguments[1], item, f"{where}.{key}") for key, item in document.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, document, where)
    return _scalar(hint, document, where)


def _union(arguments: tuple[Any, ...], document: object, where: str) -> Any:
    if document is None and type(None) in arguments:
        return None
    problems = []
    for hint in arguments:
        if hint is type(None):
            continue
        try:
            return _value(hint, document, where)
        except RecordError as error:
            problems.append(str(error))
    raise RecordError("; ".join(problems) or f"{where} does not fit")


def _tuple(arguments: tuple[Any, ...], document: object, where: str) -> tuple[Any, ...]:
    if not isinstance(document, list):
        raise RecordError(f"{where} is no array")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(document))
    if len(document) != len(arguments):
        raise RecordError(f"{where} has {len(document)} elements, not {len(arguments)}")
    return tuple(_value(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(arguments, document,
                                                                                            strict=True)))


def _record(cls: type[Any], document: object, where: str) -> Any:
    if not isinstance(document, dict):
        raise RecordError(f"{where} is no object")
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    needed = {f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING}
    unknown, missing = set(document) - {f.name for f in fields}, needed - set(document)
    if unknown or missing:
        raise RecordError(f"{where} lacks {sorted(missing)}" if missing else f"{where} has unknown {sorted(unknown)}")
    return cls(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in document.items()})


def _scalar(hint: Any, document: object, where: str) -> Any:
    if hint is Path and isinstance(document, str):
        return Path(document)
    if hint is float and isinstance(document, int | float) and not isinstance(document, bool):
        if not math.isfinite(document):
            raise RecordError(f"{where} is not finite")
        return float(document)
    # bool is a subclass of int: `true` is no count.
    if hint in (str, int, bool) and type(document) is hint:
        return document
    raise RecordError(f"{where} is {type(document).__name__}, not {getattr(hint, '__name__', hint)}")
