"""The models, sources and ancestors of a recipe as materials, its policy as terms, and the path of a violation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from assets.openness.rules import Terms, Violation
from assets.recipe.materials import AncestorPart, MaterialPart
from assets.recipe.types import Recipe
from warehouse.lineage.material import Material, Role


def materials(recipe: Recipe) -> list[Material]:
    """Everything that `recipe` declares: first the models, then the sources, then the ancestors."""
    sections: list[tuple[Role, Mapping[str, MaterialPart | AncestorPart]]] = [
        ("model", recipe.models),
        ("source", recipe.sources),
        ("ancestor", recipe.ancestors),
    ]
    return [_material(role, name, part) for role, parts in sections for name, part in parts.items()]


def declarations(recipe: Recipe) -> tuple[list[Material], dict[str, Material], Terms]:
    """(the models and sources, everything declared by name, the policy) of `recipe`."""
    declared = materials(recipe)
    used = [one for one in declared if one.role != "ancestor"]
    ancestors = [one for one in declared if one.role == "ancestor"]
    policy = recipe.policy
    terms = Terms(policy.licences, policy.commercial, policy.exceptions)
    return used, {one.name: one for one in (*ancestors, *used)}, terms


def key_path(violation: Violation, declared: Mapping[str, Material]) -> str:
    """The recipe path of the key at fault, for example "models.generator.licence".

    A key of an ancestor comes after the keys that lead to it, as in
    "models.generator.made_from.0 → ancestors.smoltalk.licence".
    """
    chain = [declared[name] for name in violation.chain if name in declared]
    steps = [f"{_path(one)}.{_referring_key(one, parent.name)}" for one, parent in pairwise(chain)]
    last = chain[-1]
    key = _referring_key(last, violation.chain[-1]) if violation.key == "made_from" else violation.key
    return " → ".join([*steps, _path(last) if key == "name" else f"{_path(last)}.{key}"])


def _material(role: Role, name: str, part: MaterialPart | AncestorPart) -> Material:
    sha256 = part.sha256 if isinstance(part, MaterialPart) else None
    return Material(role, name, part.licence, part.origin, part.made_from, part.address, sha256)


def _path(one: Material) -> str:
    return f"{one.role}s.{one.name}"


def _referring_key(one: Material, name: str) -> str:
    """The key of `one` that refers to `name`."""
    return f"made_from.{one.made_from.index(name)}" if name in one.made_from else "origin"
