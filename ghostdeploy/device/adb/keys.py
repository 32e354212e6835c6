"""adb's own keys, so that a phone which trusts this computer's adb trusts ghostdeploy as well."""

from __future__ import annotations

import base64
import getpass
import os
import secrets
import socket
import struct
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from ghostdeploy.phone_errors import AdbProblem

BITS, EXPONENT = 2048, 65537        # what every adbd expects
BYTES, WORD = BITS // 8, 1 << 32


class Signer:
    """One private key, with the two methods that adb-shell asks for."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def Sign(self, token: bytes) -> bytes:  # noqa: N802 - adb-shell's name for it
        """The signature of a token, which stands for a SHA-1 hash."""
        return self._key.sign(token, padding.PKCS1v15(), utils.Prehashed(hashes.SHA1()))  # noqa: S303 - the protocol's

    def GetPublicKey(self) -> bytes:  # noqa: N802
        """In Android's form: words, n0inv, modulus, R^2, exponent (libcrypto_utils); the phone shows the comment."""
        n = self._key.public_key().public_numbers().n
        inverse, square = (-pow(n, -1, WORD)) % WORD, pow(2, 2 * BITS, n)
        raw = struct.pack(f"<II{BYTES}s{BYTES}sI", BYTES // 4, inverse, n.to_bytes(BYTES, "little"),
                          square.to_bytes(BYTES, "little"), EXPONENT)
        return base64.b64encode(raw) + f" {_owner()}".encode()


def signers() -> list[Signer]:
    """Every key of this user, their own first: that is the one which the phone is asked to trust. Made if missing.

    Raises:
        AdbProblem: the user's own key cannot be read or made. Vendors' keys that cannot be read are left out.
    """
    own = Path.home() / ".android" / "adbkey"
    found = [_own(own)]
    for path in _vendor_files():
        try:
            found.append(_load(path))
        except (OSError, ValueError, TypeError):
            continue
    return found


def _own(path: Path) -> Signer:
    try:
        if not path.exists():
            _create(path)
        return _load(path)
    except OSError as error:
        raise AdbProblem(f"adb's key {path} cannot be read or made", error.strerror or str(error),
                         f"make {path.parent} writable for this user") from error
    except (ValueError, TypeError) as error:
        raise AdbProblem(f"adb's key {path} is no RSA key of {BITS} bits without a passphrase", str(error),
                         f"move {path} away: a new one is made, and the phone asks again") from error


def _load(path: Path) -> Signer:
    # Its arithmetic is not checked: that takes 40 ms of every connection, for a file that only this user writes.
    key = serialization.load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != BITS:
        raise ValueError("another kind of key")
    return Signer(key)


def _create(path: Path) -> None:
    """Never over a key that is there, also when two processes start at once; nobody else may read it, at no moment."""
    key = rsa.generate_private_key(public_exponent=EXPONENT, key_size=BITS)
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(raw)
    try:
        os.link(part, path)     # unlike a rename, this fails if the name is taken
    except FileExistsError:
        return
    finally:
        part.unlink()
    path.with_name(f"{path.name}.pub").write_bytes(Signer(key).GetPublicKey() + b"\n")


def _vendor_files() -> list[Path]:
    """$ADB_VENDOR_KEYS: files, and directories whose *.adb_key files count."""
    files: list[Path] = []
    for name in filter(None, os.environ.get("ADB_VENDOR_KEYS", "").split(os.pathsep)):
        path = Path(name)
        files += sorted(path.glob("*.adb_key")) if path.is_dir() else [path]
    return files


def _owner() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):     # a user id without a name, as in containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
