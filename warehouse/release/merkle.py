"""One hash over a list of row ids. With it, one can prove that a row is in the list without showing the other rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

ALGORITHM = "rfc9162_sha256"
"""The name of this digest in a DigestSet (https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md):
RFC 9162 with SHA-256, as 64 lower-case hex digits."""

# Leaves and nodes have different first bytes, so that no node can be taken for a leaf.
_LEAF, _NODE = b"\x00", b"\x01"


def merkle_root(leaves: Iterable[str]) -> str:
    """The Merkle Tree Hash of the UTF-8 of `leaves`, in their order, as 64 lower-case hex digits.

    RFC 9162 section 2.1.1 (https://www.rfc-editor.org/rfc/rfc9162.html#section-2.1.1) with SHA-256: the root of no
    leaves is the hash of no bytes. Memory: one hash per level of the tree.
    """
    # The roots of the complete subtrees so far, from left to right: one for each 1 in the binary number of leaves.
    complete: list[bytes] = []
    for before, leaf in enumerate(leaves):
        root = hashlib.sha256(_LEAF + leaf.encode()).digest()
        while before & 1:
            root = _node(complete.pop(), root)
            before >>= 1
        complete.append(root)
    if not complete:
        return hashlib.sha256().hexdigest()
    root = complete.pop()
    while complete:
        root = _node(complete.pop(), root)
    return root.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
