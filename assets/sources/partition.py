"""Which rows of a source may serve which role, settled by what each row says and by nothing else.

Roles (seeds, documents, a held-out benchmark) take disjoint slices of one source, in percent. A row's place
follows from a hash of its content: roles stay apart by construction, equal rows stay together, and rows added
move no other. What this does not cover: two rows that say nearly the same lie apart; decontamination finds
those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence


def row_identity(row: Mapping[str, object]) -> str:
    """Return the SHA-256 (64 hex digits) of a row's canonical JSON: keys sorted, no blanks, non-ASCII as is.

    Raises ``TypeError`` where the row holds something that JSON has no form for, ``UnicodeEncodeError`` for
    half a surrogate pair; ``read_rows`` gives neither.
    """
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def position(identity: str, salt: str = "") -> float:
    """Return the place of an identity in [0, 100), in percent: uniform, and independent between salts."""
    digest = hashlib.sha256((salt + identity).encode()).digest()
    return _percent(int.from_bytes(digest[:8], "big") >> 11)


def in_slice(identity: str, slice_: tuple[float, float], salt: str = "") -> bool:
    """Tell whether an identity lies in a slice, in percent, its start included and its end not.

    Raises ``ValueError`` unless 0 ≤ start ≤ end ≤ 100; a slice whose start is its end holds nothing.
    """
    start, end = slice_
    if not 0 <= start <= end <= 100:
        raise ValueError(f"found the slice [{start}, {end}), but 0 <= start <= end <= 100 is needed (percent)")
    return start <= position(identity, salt) < end


def slices_overlap(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Tell whether two half-open slices share a place; slices that only touch do not."""
    return max(a[0], b[0]) < min(a[1], b[1])


def order(identities: Sequence[str], salt: str = "") -> list[int]:
    """Return the indexes of the identities in a shuffled order that each identity's own hash settles.

    The first n are a sample: one row added to the source displaces at most one of them.
    """

    # Hashed apart from position(): else the first rows in order would be those of the first slice.
    def key(index: int) -> tuple[bytes, int]:
        return hashlib.sha256(f"order\0{salt}\0{identities[index]}".encode()).digest(), index

    return sorted(range(len(identities)), key=key)


def _percent(bits: int) -> float:
    # 53 bits are what a float holds exactly; with more, the highest would round up to 100.
    return bits / 2**53 * 100
