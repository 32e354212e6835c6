"""adb's keys, as a phone sees them."""

from __future__ import annotations

import base64
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3      # arg0 of AUTH


def public_key(text: str) -> rsa.RSAPublicKey:
    """Android's own form (RSAPublicKey of libcrypto_utils): words, n0inv, modulus, R^2, exponent; base64; a comment.

    Raises:
        ValueError: what is there is inconsistent: a phone would not accept it.
    """
    raw = base64.b64decode(text.split()[0], validate=True)
    words, inverse = struct.unpack_from("<II", raw)
    if words != 64 or len(raw) != 12 + 8 * words:
        raise ValueError("no key of 2048 bits")
    modulus = int.from_bytes(raw[8:8 + 4 * words], "little")
    square = int.from_bytes(raw[8 + 4 * words:8 + 8 * words], "little")
    (exponent,) = struct.unpack_from("<I", raw, 8 + 8 * words)
    if (modulus * inverse + 1) % (1 << 32) or square != pow(2, 64 * words, modulus):
        raise ValueError("n0inv or R^2 is wrong")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def verifies(key: rsa.RSAPublicKey, token: bytes, signature: bytes) -> bool:
    """Whether `signature` is of `token`, which stands for a SHA-1 hash."""
    try:
        key.verify(signature, token, padding.PKCS1v15(), utils.Prehashed(hashes.SHA1()))
    except InvalidSignature:
        return False
    return True
