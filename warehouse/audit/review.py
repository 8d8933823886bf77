"""What differs between two environments: versions, rows, scores, quality, models, sources and licences.

It answers what a reviewer of a changed recipe asks before the change becomes the main version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.audit.diff import Diff, diff
from warehouse.audit.versions import column_of
from warehouse.store.published import Published
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class Moved:
    """A number that two environments have, or one of them: `before` or `after` is None where it has none."""

    name: str
    arm: str
    unit: str
    before: float | None
    after: float | None
    verdict: str = ""


@dataclass(frozen=True)
class Declared:
    """What a model, a source or an ancestor is made of, as a recipe declares it; None where it is not declared."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Review:
    """The change from the environment `before` to the environment `after`.

    `added` and `removed` assets are built in one of them alone; `changed` ones have other versions, and `diffs` shows
    those whose rows differ. `scores` and `quality` are the numbers that moved, `declared` the licences and files that
    differ. `faults` says which current versions of `after` failed a check that blocks.
    """

    before: str
    after: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    diffs: tuple[Diff, ...]
    scores: tuple[Moved, ...]
    quality: tuple[Moved, ...]
    declared: tuple[Declared, ...]
    faults: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both environments have the same versions."""
        return not (self.added or self.removed or self.changed)


def review(database: Warehouse, against: str) -> Review:
    """The change from the environment `against` to that of `database`."""
    other = database.seen_from(against)
    old, new = Store(other).catalog().published, Store(database).catalog().published
    changed = [asset for asset in sorted(old.keys() & new.keys()) if old[asset].version != new[asset].version]
    with_other_rows = [asset for asset in changed if old[asset].data_version != new[asset].data_version]
    return Review(
        against,
        database.environment,
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(changed),
        tuple(diff(database, old[asset].version, new[asset].version) for asset in with_other_rows),
        _moved(_scores(other, old), _scores(database, new)),
        _moved(_quality(other, old), _quality(database, new)),
        _declared(_declarations(other, old), _declarations(database, new)),
        tuple(fault for asset in sorted(new) if (fault := new[asset].fault)),
    )


Key = tuple[str, str]
"""(name of the number, arm)."""


def _scores(database: Warehouse, published: Mapping[str, Published]) -> dict[Key, tuple[str, float, str]]:
    """(unit, mean, verdict) of each benchmark's metric and arm."""
    if "leaderboard" not in published:
        return {}
    rows = Store(database).read(published["leaderboard"]).iter_rows(named=True)
    return {
        (f"{row['benchmark']}/{row['metric']}", row["arm"]): (row["unit"], row["mean"], row["verdict"] or "")
        for row in rows
    }


def _quality(database: Warehouse, published: Mapping[str, Published]) -> dict[Key, tuple[str, float, str]]:
    """(unit, value, "") of each measure of a training set."""
    found = [one for asset, one in sorted(published.items()) if asset.startswith("quality/")]
    return {
        (row["measure"], row["arm"]): (row["unit"], row["value"], "")
        for one in found
        for row in Store(database).read(one).iter_rows(named=True)
    }


def _moved(old: Mapping[Key, tuple[str, float, str]], new: Mapping[Key, tuple[str, float, str]]) -> tuple[Moved, ...]:
    found = []
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key), new.get(key)
        if before is None or after is None or before[1:] != after[1:]:
            known = after or before
            assert known
            name, arm = key
            was, is_now = (one[1] if one else None for one in (before, after))
            found.append(Moved(name, arm, known[0], was, is_now, after[2] if after else ""))
    return tuple(found)


def _declarations(database: Warehouse, published: Mapping[str, Published]) -> dict[str, str]:
    """What each model, source and ancestor is declared as in the recipes of training sets, by its path, as JSON."""
    found: dict[str, Any] = {}
    with database.read() as connection:
        for asset, one in published.items():
            if asset.startswith("training_sets/"):
                recipe = json.loads(column_of(connection, (asset, one.version), "recipe"))
                found |= recipe.get("declared", {})
                found |= {f"ancestors.{name}": part for name, part in recipe.get("ancestors", {}).items()}
    return {path: json.dumps(part, sort_keys=True, ensure_ascii=False) for path, part in found.items()}


def _declared(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Declared, ...]:
    return tuple(
        Declared(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )
