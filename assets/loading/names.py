"""Names that refer to nothing in a recipe whose types are wrong as well, so that all these problems are listed at once.

The values with a wrong type are replaced, and then the names are checked. Other rules wait until the types are right:
what they find may come from the replaced values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from assets.loading.faults import keys_beside, place_of
from assets.loading.rules import NAMES, Problem, problems
from assets.loading.whole import FullRecipe

ROUNDS = 3
"""How often values are replaced: what replaces one may be wrong in its place too (ours)."""

_NAMED = ("models", "sources", "ancestors", "arms")
_ABSENT = object()


def unknown_names(
    values: dict[Any, Any], details: Sequence[ErrorDetails], starter: Callable[[], dict[Any, Any]]
) -> list[Problem]:
    """The names that refer to nothing in the recipe `values`, about whose types pydantic has the complaints `details`.

    A misspelt key gets its nearest name, a wrong value is replaced by that of the `starter`, or left out where it has a
    default. Nothing is found where that does not give a recipe.
    """
    mended, places, known = deepcopy(values), set[str](), starter()
    for _ in range(ROUNDS):
        if not all(_mend(mended, detail, known) for detail in details):
            return []
        places |= {".".join(map(str, place_of(detail))) for detail in details}
        try:
            recipe = FullRecipe.model_validate(mended)
        except ValidationError as error:
            details = error.errors(include_url=False)
            continue
        return [one for one in problems(recipe) if one.accepted.startswith(NAMES) and one.path not in places]
    return []


def _mend(values: dict[Any, Any], detail: ErrorDetails, starter: dict[Any, Any]) -> bool:
    """Replaces what a complaint is about; False where that is not possible."""
    *above, key = place_of(detail) or [""]
    parent = _at(values, above)
    if not isinstance(parent, dict):
        return False
    if detail["type"] == "extra_forbidden":
        value = parent.pop(key, None)
        close = get_close_matches(str(key), keys_beside(detail), n=1, cutoff=0.5)
        if close and close[0] not in parent:
            parent[close[0]] = value
        return True
    if (right := _at(starter, [*above, key])) is not _ABSENT:
        parent[key] = deepcopy(right)
        return True
    of_names = len(above) == 1 and above[0] in _NAMED
    if key not in parent or not above or of_names:
        return False
    del parent[key]
    return True


def _at(value: Any, place: Sequence[int | str]) -> Any:
    for key in place:
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        if not isinstance(inside, dict) or key not in inside:
            return _ABSENT
        value = inside[key]
    return value
