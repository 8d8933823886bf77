"""A signature makes an attestation trustworthy that was sent over an untrusted channel. So ours is checked with openssl
and the test vector of the specification, and any changed byte must be found."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.attesting import PROVENANCE, TABLES, attested, exported, reread
from warehouse.core.errors import UserError
from warehouse.core.identity import canonical
from warehouse.release.attestation import Exported, statement
from warehouse.release.signing import load_signer, load_verifier
from warehouse.release.verification import NotVerified, verify

TYPE = "application/vnd.in-toto+json"


def save(key: PrivateKeyTypes, folder: Path, name: str, how: KeySerializationEncryption | None = None) -> Path:
    """Writes NAME.pem and NAME.pub.pem into `folder`; returns the private half."""
    pem, info = PrivateFormat.PKCS8, PublicFormat.SubjectPublicKeyInfo
    (folder / f"{name}.pem").write_bytes(key.private_bytes(Encoding.PEM, pem, how or NoEncryption()))
    (folder / f"{name}.pub.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, info))
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pairs of keys: mine and other."""
    folder = tmp_path_factory.mktemp("keys")
    save(Ed25519PrivateKey.from_private_bytes(b"1" * 32), folder, "mine")
    save(Ed25519PrivateKey.from_private_bytes(b"2" * 32), folder, "other")
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tmp_path_factory.mktemp("exported"))


def refused(path: Path, key: Path | None = None) -> str:
    with pytest.raises(NotVerified) as error:
        verify(path, key)
    return str(error.value)


def test_a_signed_attestation_is_a_dsse_envelope_around_the_statement(files: Exported, keys: Path) -> None:
    signer = load_signer(keys / "mine.pem")
    envelope = reread(attested(files, signer))
    assert sorted(envelope) == ["payload", "payloadType", "signatures"]
    assert envelope["payloadType"] == TYPE
    assert base64.b64decode(envelope["payload"]).decode() == canonical(statement(files, PROVENANCE))
    assert [sorted(one) for one in envelope["signatures"]] == [["keyid", "sig"]]
    assert envelope["signatures"][0]["keyid"] == signer.keyid == load_verifier(keys / "mine.pub.pem").keyid


def test_with_its_key_an_attestation_verifies_and_the_result_says_so(files: Exported, keys: Path) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    found = verify(path, keys / "mine.pub.pem")
    keyid = load_verifier(keys / "mine.pub.pem").keyid
    assert (found.signed, found.key) == (True, keyid)
    assert found.lines()[-1] == f"signature  made with the key {keyid}"


def test_without_a_key_all_but_the_signature_is_checked_and_the_result_says_so(files: Exported, keys: Path) -> None:
    bare = verify(attested(files))
    path = attested(files, load_signer(keys / "mine.pem"))
    found = verify(path)
    assert found == replace(bare, digest=found.digest, signed=True)
    assert found.lines()[-1] == "signature  not checked, because no key was given: the author is unknown"
    content = (files.folder / TABLES[1]).read_bytes()
    try:
        (files.folder / TABLES[1]).write_bytes(content + b"x")
        assert refused(path).startswith(f"{files.folder / TABLES[1]} has changed: ")
    finally:
        (files.folder / TABLES[1]).write_bytes(content)


def test_another_key_and_a_missing_signature_are_refused(files: Exported, keys: Path) -> None:
    other = load_verifier(keys / "other.pub.pem").keyid
    path = attested(files, load_signer(keys / "mine.pem"))
    assert refused(path, keys / "other.pub.pem") == (f"{path} has no signature of its content with the key {other}")
    path = attested(files)
    assert refused(path, keys / "other.pub.pem") == (
        f"{path} is not signed, but a signature with the key {other} is required"
    )


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_byte_of_the_signed_content_is_found(files: Exported, keys: Path, data: st.DataObject) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    envelope = reread(path)
    payload = base64.b64decode(envelope["payload"])
    at, other = data.draw(st.integers(0, len(payload) - 1)), data.draw(st.integers(1, 255))
    changed = payload[:at] + bytes([payload[at] ^ other]) + payload[at + 1 :]
    path.write_text(json.dumps(envelope | {"payload": base64.b64encode(changed).decode()}))
    keyid = load_verifier(keys / "mine.pub.pem").keyid
    assert refused(path, keys / "mine.pub.pem") == (f"{path} has no signature of its content with the key {keyid}")


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_byte_of_the_signed_file_is_found_or_has_no_effect(
    files: Exported, keys: Path, data: st.DataObject
) -> None:
    """The key id is a hint that is not signed, and space between values has no effect."""
    path = attested(files, load_signer(keys / "mine.pem"))
    right, content = verify(path, keys / "mine.pub.pem"), path.read_bytes()
    at, other = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(content[:at] + bytes([content[at] ^ other]) + content[at + 1 :])
    try:
        found = verify(path, keys / "mine.pub.pem")
    except NotVerified as error:
        assert str(path) in str(error)
    else:
        assert replace(found, digest=right.digest) == right
        keyid = content.index(b'"keyid"')
        assert at == len(content) - 1 or keyid <= at < content.index(b'"sig"')


def test_the_type_of_the_payload_is_signed_too(files: Exported, keys: Path) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    envelope = reread(path)
    path.write_text(json.dumps(envelope | {"payloadType": "application/vnd.in-toto.provenance+json"}))
    assert "has no signature of its content" in refused(path, keys / "mine.pub.pem")
    path.write_text(json.dumps(envelope | {"payloadType": "text/plain"}))
    assert refused(path) == f"{path} is not an attestation of an export: its payloadType is 'text/plain', not {TYPE!r}"


def test_one_of_several_signatures_must_fit_and_key_ids_are_ignored(files: Exported, keys: Path) -> None:
    mine, other = (reread(attested(files, load_signer(keys / f"{name}.pem"))) for name in ("mine", "other"))
    path = files.folder / "mine.intoto.json"
    signatures = [{"sig": one["signatures"][0]["sig"]} for one in (other, mine)]
    path.write_text(json.dumps(mine | {"signatures": signatures}))
    assert verify(path, keys / "mine.pub.pem").key == load_verifier(keys / "mine.pub.pem").keyid
    assert verify(path, keys / "other.pub.pem").key == load_verifier(keys / "other.pub.pem").keyid


@pytest.mark.parametrize("text", ["a", "YWI", "YWJ=", "Y W I =", "YWI=\n", "YWI=YWI=", "é"])
def test_only_canonical_base64_is_accepted(files: Exported, keys: Path, text: str) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    path.write_text(json.dumps(reread(path) | {"payload": text}))
    assert refused(path) == f"{path} is not an attestation of an export: its payload is not base64"


def test_base64_for_urls_is_read_as_the_specification_allows_it(files: Exported, keys: Path) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    envelope = reread(path)
    signatures = [{"sig": one["sig"].replace("+", "-").replace("/", "_")} for one in envelope["signatures"]]
    path.write_text(json.dumps(envelope | {"signatures": signatures}))
    assert verify(path, keys / "mine.pub.pem").key == load_verifier(keys / "mine.pub.pem").keyid


def test_an_envelope_without_signatures_is_refused(files: Exported, keys: Path) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    path.write_text(json.dumps(reread(path) | {"signatures": []}))
    assert "at signatures: list should have at least 1 item" in refused(path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
def test_openssl_makes_our_keys_and_verifies_our_signature(files: Exported, tmp_path: Path) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    path = attested(files, load_signer(private))
    assert verify(path, public).key is not None
    envelope = reread(path)
    payload = base64.b64decode(envelope["payload"])
    # PAE of https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#signature-definition
    encoded = " ".join(["DSSEv1", str(len(TYPE)), TYPE, str(len(payload)), ""]).encode() + payload
    (tmp_path / "signed").write_bytes(encoded)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", "signed", "-sigfile", "sig"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "signed").write_bytes(encoded[:-1] + b"]")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_the_payload_of_the_specification_has_the_encoding_of_the_specification() -> None:
    """https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#test-vectors"""
    from securesystemslib.dsse import Envelope

    encoded = Envelope(b"hello world", "http://example.com/HelloWorld", {}).pae()
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_key_that_cannot_be_used_is_refused_with_how_to_make_one(tmp_path: Path, keys: Path) -> None:
    locked = save(Ed25519PrivateKey.generate(), tmp_path, "locked", BestAvailableEncryption(b"x"))
    curve = save(ec.generate_private_key(ec.SECP256R1()), tmp_path, "curve")
    half = "half of an Ed25519 key in PEM without a password: "
    for private in (locked, curve, keys / "mine.pub.pem"):
        with pytest.raises(UserError) as error:
            load_signer(private)
        assert str(error.value).startswith(f"{private} is not the private {half}")
        assert str(error.value).endswith("openssl pkey -in private.pem -pubout -out public.pem")
    for public in (tmp_path / "curve.pub.pem", keys / "mine.pem"):
        with pytest.raises(UserError) as error:
            load_verifier(public)
        assert str(error.value).startswith(f"{public} is not the public {half}")
    with pytest.raises(UserError, match=r"cannot read the key .*/no\.pem: No such file or directory"):
        load_signer(tmp_path / "no.pem")


@pytest.mark.parametrize("missing", ["cryptography", "securesystemslib"])
def test_without_the_library_everything_but_signatures_works(
    files: Exported, keys: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    path = attested(files, load_signer(keys / "mine.pem"))
    monkeypatch.setitem(sys.modules, missing, None)
    for use in (lambda: load_signer(keys / "mine.pem"), lambda: verify(path, keys / "mine.pub.pem")):
        with pytest.raises(UserError, match=r"the extra 'sign' installs it: pip install 'slingshot\[sign\]'"):
            use()
    assert verify(path).signed
    assert not verify(attested(files)).signed
