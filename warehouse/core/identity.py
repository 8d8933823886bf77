"""Content addresses: equal content has the same id in every build and on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ID_LENGTH = 32


def _listed(value: Any) -> Any:
    """A NumPy array as a list."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"JSON has no {type(value).__name__}")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_listed)

Parent = tuple[str, str]
"""(id of the parent, its role), for example ``("9f…", "document")``."""


def canonical(value: Any) -> str:
    """`value` as JSON text that is the same for equal content: sorted keys, no spaces.

    NumPy arrays are written as lists. Raises ValueError for NaN and infinity, and TypeError for other values that JSON
    does not have.
    """
    return _ENCODER.encode(value)


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, as 64 lower-case hex digits. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 lower-case hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: Any) -> str:
    """The first 128 bits of SHA-256 over `canonical(value)`, as 32 hex digits."""
    return text_digest(canonical(value))[:ID_LENGTH]


def digest_of_texts(texts: Iterable[str]) -> str:
    """`digest` of a list of texts, of which only one is in memory at a time."""
    hashed, before = hashlib.sha256(b"["), b""
    for text in texts:
        hashed.update(before + canonical(text).encode())
        before = b","
    hashed.update(b"]")
    return hashed.hexdigest()[:ID_LENGTH]


def record_id(kind: str, content: dict[str, Any], parents: Iterable[Parent] = ()) -> str:
    """The id of a record: a hash of its kind, its content, and the ids and roles of its parents in any order."""
    return digest({"kind": kind, "content": content, "parents": sorted(set(parents))})


def row_seed(*parts: object) -> int:
    """A 63-bit random seed for one row. It depends on `parts` only, not on the build, the batch or the row order."""
    return int(digest([str(part) for part in parts]), 16) >> 65
