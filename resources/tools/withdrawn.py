"""Refuses models and sources that are withdrawn, or were made from something that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warehouse.core.closure import closure
from warehouse.lineage.material import Material
from warehouse.lineage.withdrawals import UsesWithdrawn, Withdrawals, Withdrawn


def refuse_withdrawn(used: Mapping[str, Material], declared: Sequence[Material], withdrawals: Withdrawals) -> None:
    """Raises UsesWithdrawn if one of the `used` materials, by its path in the recipe, must not be used any more.

    `declared` are all that the recipe names, in which their ancestors are looked up."""
    problems = []
    for path, material in used.items():
        made_from = closure([material], lambda child: [one for one in declared if one.name in child.parents])
        for one in made_from:
            if withdrawn := withdrawals.of_material(one.id, one.sha256, one.address):
                problems.append(_refusal(path, material, withdrawn))
                break
    if problems:
        raise UsesWithdrawn("; ".join(problems))


def _refusal(path: str, material: Material, withdrawn: Withdrawn) -> str:
    relation = "is" if withdrawn.id == material.id else "is, or was made from,"
    return (
        f"the recipe's {path} {relation} {withdrawn.description}; "
        f"it cannot be used any more: use another {material.role} in the recipe"
    )
