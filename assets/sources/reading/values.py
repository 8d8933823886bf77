"""Values as JSON has them: what other formats hold is written as text, or is absent with a note of what was there."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

_AS_TEXT = (decimal.Decimal, datetime.timedelta, uuid.UUID)


@dataclass(frozen=True)
class Unusable:
    """A value that cannot be held; `what` says what was there."""

    what: str


def plain(value: object, path: str, unusable: dict[str, str]) -> object:
    """`value` with JSON values only. None takes the place of what JSON cannot hold; `unusable` gets its path.

    Dates and times become ISO 8601 text, decimals, durations and UUIDs text. NaN and infinity are absent values, as are
    bytes (our choice: nothing says how they would be text).
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        unusable[path] = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return None
    if isinstance(value, Mapping):
        return {str(name): plain(item, f"{path}.{name}", unusable) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{path}.{index}", unusable) for index, item in enumerate(value)]
    # Times with nanoseconds come as types of pandas, which write themselves in another way.
    value = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
    value = value.to_pytimedelta() if hasattr(value, "to_pytimedelta") else value
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, _AS_TEXT):
        return str(value)
    what = value.what if isinstance(value, Unusable) else f"a value of the type {type(value).__name__}"
    unusable[path] = "bytes" if isinstance(value, bytes) else what
    return None


def plain_row(row: Mapping[str, object], unusable: dict[str, str]) -> dict[str, object]:
    """A row with JSON values only; see `plain`."""
    return {name: plain(value, name, unusable) for name, value in row.items()}


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}
    return names.get(next((known for known in names if isinstance(value, known)), int), "a number")
