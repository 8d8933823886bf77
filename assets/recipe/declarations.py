"""A recipe as the rules of openness read it, and where in the recipe a violation stands."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from assets.openness.rules import ANCESTOR, Declared, Terms, Violation
from assets.recipe.materials import AncestorPart, ModelPart
from assets.recipe.types import Recipe


def declarations(recipe: Recipe) -> tuple[list[Declared], dict[str, Declared], Terms]:
    """(what is used, everything that is declared by name, the policy) of `recipe`."""
    used = [
        _declared(role, name, part)
        for role, parts in (("model", recipe.models), ("source", recipe.sources))
        for name, part in parts.items()
    ]
    ancestors = {name: _declared(ANCESTOR, name, part) for name, part in recipe.ancestors.items()}
    policy = recipe.policy
    terms = Terms(policy.licences, policy.commercial, policy.exceptions)
    return used, {**ancestors, **{one.name: one for one in used}}, terms


def place(violation: Violation, declared: Mapping[str, Declared]) -> str:
    """The path of the key that offends; where it is not a key of what is used, the way to it in front.

    Such as "models.generator.licence" and "models.generator.made_from.0 → ancestors.smoltalk.licence".
    """
    chain = [declared[name] for name in violation.chain if name in declared]
    steps = [f"{_path(entry)}.{_naming(entry, after.name)}" for entry, after in pairwise(chain)]
    last = chain[-1]
    key = _naming(last, violation.chain[-1]) if violation.key == "made_from" else violation.key
    return " → ".join([*steps, _path(last) if key == "name" else f"{_path(last)}.{key}"])


def _declared(role: str, name: str, part: ModelPart | AncestorPart) -> Declared:
    sha256 = part.sha256 if isinstance(part, ModelPart) else None
    return Declared(role, name, part.licence, part.origin, part.made_from, part.address, sha256)


def _path(entry: Declared) -> str:
    return f"{entry.role}s.{entry.name}"


def _naming(entry: Declared, name: str) -> str:
    """The key under which `entry` names `name`."""
    return f"made_from.{entry.made_from.index(name)}" if name in entry.made_from else "origin"
