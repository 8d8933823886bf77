"""Why an asset is stale, in words: the differences between what determined two versions of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from warehouse.core.texts import kind_named, shortened
from warehouse.lineage.reviews import Review, reviews_digest
from warehouse.lineage.withdrawals import Withdrawn, applied_digest

LONGEST_VALUE = 40
_ABSENT = object()


def recipe_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line per value that differs between two recipe slices: "curation.diversity.similarity 0.9 → 0.85"."""
    return [line for path in sorted(old.keys() | new.keys()) for line in _changes(path, *_both(old, new, path))]


def code_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """One line per file whose code differs."""
    return [f"code of {file} changed" for file in sorted(old.keys() | new.keys()) if old.get(file) != new.get(file)]


def row_changes(asset: str, kind: str, old: Sequence[str] | None, new: Sequence[str]) -> str:
    """How an input's rows changed, by their ids: "1 document added, 2 removed". `old` is None if it was collected."""
    one, many = kind_named(kind, 1), kind_named(kind, 2)
    place = "" if asset.replace("_", " ") == many else f"{asset}: "
    if old is None:
        return f"{asset} changed"
    before, after = set(old), set(new)
    added, removed = len(after - before), len(before - after)
    if not added and not removed:
        return f"{place}{many} in another order"
    counts = [(added, "added"), (removed, "removed")]
    (count, what), *more = [(count, what) for count, what in counts if count]
    first = f"{count} {one if count == 1 else many} {what}"
    return place + ", ".join([first, *(f"{count} {what}" for count, what in more)])


def withdrawal_changes(applicable: Sequence[Withdrawn], before: str | None) -> list[str]:
    """What was withdrawn since a version was built: "2 documents withdrawn". `before` is the digest of the withdrawals
    applied then (see withdrawals.applied_digest), `applicable` are those that apply now. Withdrawals are only ever
    appended, so the earlier ones are a prefix of `applicable`."""
    if before == (applied_digest(applicable) if applicable else None):
        return []
    known = next((count for count in range(1, len(applicable)) if applied_digest(applicable[:count]) == before), 0)
    if before and not known:
        return ["other withdrawals concern it"]
    kinds = Counter(one.kind for one in applicable[known:])
    return [", ".join(f"{count} {kind_named(kind, count)}" for kind, count in kinds.items()) + " withdrawn"]


def review_changes(applicable: Sequence[Review], before: str | None) -> list[str]:
    """What people decided since a version was built: "2 rows reviewed". `before` is the digest of the decisions applied
    then (see reviews.reviews_digest), `applicable` are those that apply now."""
    if before == (reviews_digest(applicable) if applicable else None):
        return []
    if not applicable:
        return ["a review was taken back"]
    return ["other reviews apply"] if before else [f"{len(applicable)} row{'s' * (len(applicable) > 1)} reviewed"]


def attempt_changes(old: int, new: int, failed: int) -> list[str]:
    """A version is another attempt at the same work: "retry 1 instead of the first try, in which 2 rows failed".
    `failed` rows failed in the old version."""
    if old == new:
        return []
    tries = [f"retry {attempt}" if attempt else "the first try" for attempt in (new, old)]
    rows = f", in which {failed} row{'' if failed == 1 else 's'} failed" if failed else ""
    return [" instead of ".join(tries) + rows]


def _changes(path: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if new is _ABSENT:
        return [f"{path} removed"]
    if old is _ABSENT:
        return [f"{path} added"]
    inside_old, inside_new = _parts(old), _parts(new)
    if inside_old is None or inside_new is None:
        shown_old, shown_new = _shown(old), _shown(new)
        return [f"{path} changed" if shown_old == shown_new else f"{path} {shown_old} → {shown_new}"]
    keys = list(dict.fromkeys([*inside_old, *inside_new]))
    return [line for key in keys for line in _changes(f"{path}.{key}", *_both(inside_old, inside_new, key))]


def _parts(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {str(index): item for index, item in enumerate(value)}
    return None


def _both(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> tuple[Any, Any]:
    return old.get(key, _ABSENT), new.get(key, _ABSENT)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), LONGEST_VALUE)
