"""Which rows of a source may serve which role, decided by each row's content alone.

Roles (seeds, documents, benchmark items) take disjoint slices of a source, in percent. A row's position follows from a
hash of its content. So no row is in two slices, equal rows are in the same one, and added rows move no other row. This
does not cover rows that are nearly equal, which may be in different slices; decontamination finds those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import orjson

_ALIKE = (str, int, bool, type(None))
"""The types of values that both JSON writers write alike, if at all. They differ in floats."""


def row_identity(row: Mapping[str, object]) -> str:
    """The SHA-256 (64 hex digits) of a row's canonical JSON: sorted keys, no spaces, non-ASCII characters as they are.

    Raises TypeError where the row has a value that JSON cannot hold, UnicodeEncodeError for half a surrogate pair.
    Rows from `read_rows` raise neither.
    """
    if all(type(value) in _ALIKE for value in row.values()):
        try:
            return hashlib.sha256(orjson.dumps(row, option=orjson.OPT_SORT_KEYS)).hexdigest()
        except TypeError:
            pass
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def position(identity: str, salt: str = "") -> float:
    """The position of an identity in [0, 100), in percent: uniform, and independent for each salt."""
    digest = hashlib.sha256((salt + identity).encode()).digest()
    return _percent(int.from_bytes(digest[:8], "big") >> 11)


def in_slice(identity: str, slice_: tuple[float, float], salt: str = "") -> bool:
    """Whether an identity lies in a slice (start, end), in percent; the start is included and the end is not.

    Raises ValueError unless 0 ≤ start ≤ end ≤ 100. A slice whose start equals its end is empty.
    """
    start, end = check_slice(slice_)
    return start <= position(identity, salt) < end


def check_slice(slice_: tuple[float, float]) -> tuple[float, float]:
    """The slice. Raises ValueError unless 0 ≤ start ≤ end ≤ 100."""
    start, end = slice_
    if not 0 <= start <= end <= 100:
        raise ValueError(f"found the slice [{start}, {end}), but 0 <= start <= end <= 100 is needed (percent)")
    return slice_


def slices_overlap(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two half-open slices overlap; slices that only touch do not."""
    return max(a[0], b[0]) < min(a[1], b[1])


def place(identity: str, salt: str = "") -> int:
    """The place of an identity in a shuffled order that follows from its hash, in [0, 2^256).

    The first n are a sample: one row added to the source replaces at most one of them.
    """
    # Not the hash of position(): with that one, the first rows in this order would be those of the first slice.
    return int.from_bytes(hashlib.sha256(f"order\0{salt}\0{identity}".encode()).digest())


def _percent(bits: int) -> float:
    # A float holds 53 bits exactly; with more bits, the highest values would round up to 100.
    return bits / 2**53 * 100
