"""Signs attestations with an Ed25519 key, and checks these signatures.

The envelope format is DSSE (https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md). It is made by the
library of the in-toto and TUF projects (https://github.com/secure-systems-lab/securesystemslib), which the extra `sign`
installs; only signing and checking signatures need it. Keys are PEM files:

    openssl genpkey -algorithm ed25519 -out private.pem
    openssl pkey -in private.pem -pubout -out public.pem
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.core.errors import UserError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey


class Ed25519Signer:
    """Signs with one private key. `keyid` is the id of its public key, which is written into the envelope."""

    def __init__(self, signer: CryptoSigner) -> None:
        self._signer = signer
        self.keyid = signer.public_key.keyid

    def envelope(self, payload: bytes, payload_type: str) -> dict[str, Any]:
        """A DSSE envelope with one signature, as a JSON value."""
        from securesystemslib.dsse import Envelope

        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._signer)
        return envelope.to_dict()


def load_signer(private_key: Path) -> Ed25519Signer:
    """The signer of a private key in PEM (PKCS #8, without a password).

    Raises UserError if the library is missing or the file has no such key.
    """
    _check_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    try:
        key = load_pem_private_key(_content(private_key), password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(private_key, "private", str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(private_key, "private", f"it has an {type(key).__name__}")
    return Ed25519Signer(CryptoSigner(key))


class Ed25519Verifier:
    """Checks signatures against one public key, whose id is `keyid`."""

    def __init__(self, key: SSlibKey) -> None:
        self._key = key
        self.keyid = key.keyid

    def accepts(self, payload: bytes, payload_type: str, signatures: Iterable[bytes]) -> bool:
        """Whether one of the signatures of an envelope was made with this key for the content of the envelope."""
        from securesystemslib.dsse import Envelope
        from securesystemslib.exceptions import UnverifiedSignatureError
        from securesystemslib.signer import Signature

        signed = Envelope(payload, payload_type, {}).pae()
        for signature in signatures:
            try:
                # The key id in an envelope is only a hint that is not signed, so every signature is tried.
                self._key.verify_signature(Signature(self.keyid, signature.hex()), signed)
            except UnverifiedSignatureError:
                continue
            return True
        return False


def load_verifier(public_key: Path) -> Ed25519Verifier:
    """The verifier of a public key in PEM (SubjectPublicKeyInfo).

    Raises UserError if the library is missing or the file has no such key.
    """
    _check_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    try:
        key = load_pem_public_key(_content(public_key))
    except ValueError as error:
        raise _no_key(public_key, "public", str(error)) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(public_key, "public", f"it has an {type(key).__name__}")
    return Ed25519Verifier(SSlibKey.from_crypto(key))


def _check_library() -> None:
    try:
        import cryptography  # noqa: F401
        import securesystemslib  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"signatures need a library that is not installed ({error}); "
            "the extra 'sign' installs it: pip install 'slingshot[sign]'"
        ) from None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the key {file}: {error.strerror}") from None


def _no_key(file: Path, half: str, found: str) -> UserError:
    return UserError(
        f"{file} is not the {half} half of an Ed25519 key in PEM without a password: {found}; "
        "make a pair with: openssl genpkey -algorithm ed25519 -out private.pem, then "
        "openssl pkey -in private.pem -pubout -out public.pem"
    )
