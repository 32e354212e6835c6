"""A document is read whole and as it is, or refused with what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from ghostdeploy.device.android.document import DocumentError, parse

FAILED: dict[str, Any] = {
    "schema_version": 1, "ok": False, "program": "gd_runner_tflite", "abi": "x86_64", "runtime": "tflite",
    "runtime_version": None, "task": "time", "log": "",
    "failure": {"stage": "model", "code": "model-rejected", "number": 1, "message": "no"}}


def sealed(body: bytes) -> bytes:
    return f"ghostdeploy-runner 1 {len(body)} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def test_a_failure_is_read() -> None:
    document = parse(sealed(json.dumps(FAILED).encode()))
    assert document.failure is not None and document.failure.code == "model-rejected"
    assert document.measured is None


@pytest.mark.parametrize("cut", [0, 1, 20, 60, 90, -1])
def test_cut_short(cut: int) -> None:
    with pytest.raises(DocumentError):
        parse(sealed(json.dumps(FAILED).encode())[:cut])


def test_one_byte_changed() -> None:
    whole = bytearray(sealed(json.dumps(FAILED).encode()))
    whole[-10] ^= 1
    with pytest.raises(DocumentError, match="hash"):
        parse(bytes(whole))


@pytest.mark.parametrize("junk", [b"", b"\n", b"{}", b"\xff" * 200, b"Segmentation fault\n",
                                  b"ghostdeploy-runner 2 0 00\n", b"ghostdeploy-runner 1 -1 00\n"])
def test_something_else(junk: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(junk)


@pytest.mark.parametrize("spoil", [
    lambda d: d.pop("failure"), lambda d: d.update(ok=True), lambda d: d.update(abi="mips"), lambda d: d.pop("log"),
    lambda d: d.update(schema_version=2), lambda d: d.update(extra=1), lambda d: d["failure"].update(number="1")])
def test_a_body_that_does_not_fit(spoil: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(json.dumps(FAILED))
    spoil(document)
    with pytest.raises(DocumentError):
        parse(sealed(json.dumps(document).encode()))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"{" * 3000])
def test_a_sealed_body_that_is_no_object(body: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(sealed(body))
