"""Content addresses: equal content has an equal id, in any build and on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ID_LENGTH = 32

_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

Parent = tuple[str, str]
"""(id of the parent, role it played), for example ``("9f…", "document")``."""


def canonical(value: Any) -> str:
    """JSON text of `value` with one spelling per content: sorted keys, no spaces, no NaN.

    Raises ValueError for NaN or infinity and TypeError for what JSON cannot say.
    """
    return _ENCODER.encode(value)


def file_digest(file: Path) -> str:
    """The sha256 of a file's bytes, as 64 lower-case hex digits. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """The sha256 of a text in UTF-8, as 64 lower-case hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: Any) -> str:
    """The first 128 bits of SHA-256 over `canonical(value)`, as 32 hex digits."""
    return text_digest(canonical(value))[:ID_LENGTH]


def record_id(kind: str, content: dict[str, Any], parents: Iterable[Parent] = ()) -> str:
    """The id of a record: a hash of what it says and of its parents' ids and roles (order is irrelevant)."""
    return digest({"kind": kind, "content": content, "parents": sorted(set(parents))})


def row_seed(*parts: object) -> int:
    """A 63-bit seed that belongs to one row: stable across builds, batches and row order."""
    return int(digest([str(part) for part in parts]), 16) >> 65
